// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/from_plan.hpp"

#include <algorithm>
#include <utility>

namespace nvhook::record {
namespace {

// Where the device's node is on this host: the mount to the same target has it.
HostPath node_of(const plan::Plan& plan, const plan::Device& device) {
  const auto mount = std::ranges::find(plan.mounts, device.path, &plan::Mount::target);
  return mount == plan.mounts.end() ? HostPath{device.path.value} : mount->source;
}

}  // namespace

Record from_plan(const plan::Plan& plan, const Identity& identity,
                 std::optional<std::string> scope) {
  Record record{.id = plan.container.id,
                .bundle = plan.container.bundle,
                .rootfs = plan.container.rootfs,
                .pid = plan.container.pid.value_or(0),
                .scope = std::move(scope),
                .identity = identity,
                .devices = {},
                .objects = {}};
  for (const auto& device : plan.devices)
    record.devices.push_back(
        {.path = device.path, .node = node_of(plan, device), .number = device.number});
  for (const auto& mount : plan.mounts)
    if (mount.state == plan::State::Mount)
      record.objects.push_back(
          {.kind = ObjectKind::Mount, .path = mount.target, .replaces = std::nullopt});
  for (const auto& link : plan.symlinks)
    record.objects.push_back(
        {.kind = ObjectKind::Link, .path = link.path, .replaces = link.replaces});
  return record;
}

}  // namespace nvhook::record
