// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::container {

// A namespace may hold 100,000 mounts (fs.mount-max), a line is some 150 bytes.
inline constexpr std::size_t kMaxMountinfoBytes = std::size_t{64} << 20U;

// One line of /proc/<pid>/mountinfo. Source: proc(5).
struct MountEntry {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string_view device;         // "0:42", of the file system; borrows from the parsed text
  std::string root;                // of the mount, inside its file system; escapes decoded
  std::string mount_point;         // escapes decoded
  bool shared = false;             // what is mounted below it appears in its peer group, too
  std::string_view file_system;    // borrows likewise
  std::string_view super_options;  // likewise; for cgroup v1 these name the controllers
};

// Parses the whole text. Names in it may come from a container: escapes (\040) are decoded, nothing
// is interpreted. Fails with E_KERNEL for a line that proc(5) does not describe.
[[nodiscard]] Result<std::vector<MountEntry>> parse_mountinfo(std::string_view text);

// Whether this mount shows the very directory that it covers. A runtime binds a container's root file
// system onto itself; every other mount in its namespace, such as the copy of the host's /dev or
// /proc, shows something that is not there below it. Source: runc, libcontainer/rootfs_linux.go,
// prepareRoot; crun, src/libcrun/linux.c, libcrun_set_mounts.
[[nodiscard]] bool is_bound_onto_itself(const std::vector<MountEntry>& mounts,
                                        std::uint64_t mount_id);

// The mount at /dev of the root file system that is mounted as `rootfs_mount`, if it is one that a
// runtime makes: a tmpfs directly on the root, which appears nowhere else in the namespace. The
// runtime has copied the host's mounts into it, so a tmpfs of the host's, bound there, appears
// twice.
[[nodiscard]] std::optional<std::uint64_t> dev_mount_of(const std::vector<MountEntry>& mounts,
                                                        std::uint64_t rootfs_mount);

}  // namespace nvhook::container
