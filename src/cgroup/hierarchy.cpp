// SPDX-License-Identifier: Apache-2.0
#include "hierarchy.hpp"

#include <algorithm>
#include <utility>

#include "membership.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::cgroup {
namespace {

bool is_of(const container::MountEntry& mount, Version version) {
  if (version == Version::V2) return mount.file_system == "cgroup2";
  return mount.file_system == "cgroup" && has_word(mount.super_options, "devices");
}

bool goes_up(std::string_view path) {
  while (!path.empty()) {
    const auto component = path.substr(0, path.find('/'));
    if (component == "..") return true;
    path.remove_prefix(std::min(component.size() + 1, path.size()));
  }
  return false;
}

std::unexpected<Error> not_usable(std::string_view path, std::string why) {
  return failure(ErrorId::Cgroup, "device cgroup " + quote(path) + " " + std::move(why));
}

}  // namespace

std::vector<Hierarchy> hierarchies(const std::vector<container::MountEntry>& mounts,
                                   Version version) {
  std::vector<Hierarchy> found;
  for (const auto& mount : mounts)
    if (is_of(mount, version) && found.size() < kMaxHierarchies)
      found.push_back({.mount_point = mount.mount_point, .root = mount.root, .id = mount.id});
  return found;
}

Result<std::string> place_below(const Hierarchy& mount, std::string_view path) {
  // The path goes to the kernel as a C string.
  if (path.contains('\0')) return not_usable(path, "of the container has a NUL in its path");
  const auto below = path_below(path, mount.root);
  if (!below || goes_up(path) || goes_up(mount.root))
    return not_usable(
        path, "of the container lies outside of the hook's view of " + quote(mount.mount_point));
  if (*below == "/")
    return not_usable(path, mount.root == "/"
                                ? "of the container is the root of the hierarchy"
                                : "of the container is the topmost of those that are mounted at " +
                                      quote(mount.mount_point));
  return std::string(below->substr(1));
}

}  // namespace nvhook::cgroup
