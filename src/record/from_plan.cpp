// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/from_plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace nvhook::record {
namespace {

// Where the device's node is on this host: the mount to the same target has it. One without, of a
// MIG device yet to be made, is named by its number: systemd passes over what it does not find by
// name.
HostPath node_of(const plan::Plan& plan, const plan::Device& device) {
  const auto mount = std::ranges::find(plan.mounts, device.path, &plan::Mount::target);
  if (mount != plan.mounts.end()) return mount->source;
  return {"/dev/char/" + std::to_string(device.number.major) + ":" +
          std::to_string(device.number.minor)};
}

// On a kernel without detached mounts the tree is in the container's root itself, and there are
// directories in it: ours for certain if the tree is.
void add_directories_in_tree(const plan::Plan& plan, std::vector<Object>& objects) {
  if (std::ranges::find(plan.directories, *plan.tree) == plan.directories.end()) return;
  const auto prefix = plan.tree->value + "/";
  const auto add = [&](const ContainerPath& path) {
    if (!path.value.starts_with(prefix)) return;
    auto directory = path.parent();
    if (directory != *plan.tree &&
        std::ranges::find(objects, directory, &Object::path) == objects.end())
      objects.push_back({.kind = ObjectKind::Directory, .path = std::move(directory)});
  };
  for (const auto& mount : plan.mounts) add(mount.target);
  for (const auto& link : plan.symlinks) add(link.path);
}

Object file_at(const ContainerPath& path, std::string_view bytes) {
  return {
      .kind = ObjectKind::File, .path = path, .content = Fingerprint{bytes.size(), hash_of(bytes)}};
}

}  // namespace

Record from_plan(const plan::Plan& plan, const Identity& identity, FileId root,
                 std::optional<std::string> scope) {
  Record record{.id = plan.container.id,
                .bundle = plan.container.bundle,
                .rootfs = plan.container.rootfs,
                .root = root,
                .hook = ::getpid(),
                .pid = plan.container.pid.value_or(0),
                .scope = std::move(scope),
                .identity = identity,
                .devices = {},
                .objects = {}};
  for (const auto& device : plan.devices)
    record.devices.push_back(
        {.path = device.path, .node = node_of(plan, device), .number = device.number});
  for (const auto& path : plan.directories)
    record.objects.push_back({.kind = ObjectKind::Directory, .path = path});
  if (plan.tree) {
    record.objects.push_back({.path = *plan.tree, .creates = false});
    add_directories_in_tree(plan, record.objects);
  }
  for (const auto& mount : plan.mounts)
    if (mount.state == plan::State::Mount)
      record.objects.push_back({.path = mount.target, .creates = mount.makes_point});
  for (const auto& link : plan.symlinks)
    record.objects.push_back({.kind = ObjectKind::Link,
                              .path = link.path,
                              .text = link.target,
                              .replaces = link.replaces});
  for (const auto& file : plan.files) record.objects.push_back(file_at(file.path, file.content));
  const auto& loader = plan.loader;
  if (loader.path.value.empty()) return record;
  if (loader.action == plan::CacheAction::Bind) {
    record.objects.push_back({.path = loader.path, .creates = false});
    return record;
  }
  auto& file = record.objects.emplace_back(file_at(loader.path, loader.bytes));
  if (loader.former)
    file.former = Former{.link_text = loader.former->link_text,
                         .mode = loader.former->content.mode,
                         .owner = loader.former->content.owner,
                         .group = loader.former->content.group};
  return record;
}

}  // namespace nvhook::record
