// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/container/mountinfo.hpp"

// Where a hierarchy of cgroups can be seen. All of this is pure.
namespace nvhook::cgroup {

// A mount of a hierarchy that restricts devices.
struct Hierarchy {
  std::string mount_point;
  std::string root;                      // the cgroup from which on it shows the hierarchy
  std::optional<std::uint64_t> id = {};  // as mountinfo has it; none: whatever is mounted there
  bool operator==(const Hierarchy&) const = default;
};

inline constexpr std::size_t kMaxHierarchies = 64;  // of one kind; nested engines have a few

// The mounts of v1's devices controller, also where it shares them with others, or of v2. In their
// order, and no more than kMaxHierarchies.
[[nodiscard]] std::vector<Hierarchy> hierarchies(const std::vector<container::MountEntry>& mounts,
                                                 Version version);

// Where the cgroup `path` lies below the mount: "a/b". Fails with E_CGROUP: it lies elsewhere; it
// is the root of the hierarchy, or of what is mounted; a component of either path is "..", which is
// how what is outside of the reader's cgroup namespace is shown (cgroup_namespaces(7)).
[[nodiscard]] Result<std::string> place_below(const Hierarchy& mount, std::string_view path);

}  // namespace nvhook::cgroup
