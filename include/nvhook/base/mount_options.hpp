// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace nvhook {

// What a mount of ours does not allow. Meaning of each as in mount(8).
struct MountOptions {
  bool ro = false;
  bool nosuid = false;
  bool nodev = false;
  bool noexec = false;
  bool operator==(const MountOptions&) const = default;
};

// Libraries and programs.
inline constexpr MountOptions kFileMount{.ro = true, .nosuid = true, .nodev = true};
// Device nodes: "ro" is about the node's own inode, the device can be written.
inline constexpr MountOptions kDeviceMount{.ro = true, .nosuid = true, .noexec = true};
// Sockets and directories of sockets: whoever may not write to a socket cannot connect to it.
inline constexpr MountOptions kSocketMount{.nosuid = true, .nodev = true, .noexec = true};
// What is there to be read: the kernel's facts, a directory of data.
inline constexpr MountOptions kReadOnlyMount{
    .ro = true, .nosuid = true, .nodev = true, .noexec = true};

// {"ro", "nosuid", "nodev"}, in the order of mountinfo.
[[nodiscard]] std::vector<std::string> names_of(const MountOptions& options);

}  // namespace nvhook
