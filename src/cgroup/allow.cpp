// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "by_programs.hpp"
#include "by_rules.hpp"
#include "holds.hpp"
#include "nvhook/cgroup/devices.hpp"

namespace nvhook::cgroup {
namespace {

Result<Granted> grant(const DeviceCgroup& cgroup, const std::vector<DeviceNumber>& devices,
                      KnownRules rules, Leave leave) {
  Granted granted;
  if (cgroup.version == Version::V1) {
    auto added = add_rules(cgroup, devices);
    if (!added) return std::unexpected(std::move(added).error());
    granted.rules = std::move(*added);
  } else {
    auto exchanged = exchange_programs(cgroup, devices, rules, leave);
    if (!exchanged) return std::unexpected(std::move(exchanged).error());
    granted.programs = std::move(*exchanged);
  }
  return granted;
}

}  // namespace

Result<Granted> allow(const DeviceCgroup& cgroup, const std::vector<DeviceNumber>& devices,
                      KnownRules rules, Leave leave) {
  for (const auto& device : devices)
    if (!is_possible(device))
      return failure(ErrorId::Cgroup, "no device has the number " + std::to_string(device.major) +
                                          ":" + std::to_string(device.minor));
  if (auto held = holds_its_process(cgroup); !held) return std::unexpected(std::move(held).error());
  auto granted = grant(cgroup, devices, rules, leave);
  if (!granted) return granted;
  try {
    auto held = holds_its_process(cgroup);
    if (held) return granted;
    (void)forbid(cgroup, *granted);
    return std::unexpected(std::move(held).error());
  } catch (...) {  // out of memory
    (void)forbid(cgroup, *granted);
    throw;
  }
}

Result<void> forbid(const DeviceCgroup& cgroup, const Granted& granted) {
  return cgroup.version == Version::V1 ? remove_rules(cgroup, granted.rules)
                                       : put_back(granted.programs);
}

}  // namespace nvhook::cgroup
