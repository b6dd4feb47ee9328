// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/container/rootfs.hpp"

// The directory of a procfs where the driver's kernel module tells of itself and its GPUs. It is
// the same in every procfs of a machine, whatever the pid namespace.
namespace nvhook::container {

inline constexpr auto kDriverDirectory = "/proc/driver/nvidia";

// Opens it (O_PATH) in the procfs at the root's /proc, to be mounted over. That must be one, the
// root of it: its magic number and inode number tell. No link is followed. A tmpfs may lie over a
// part of it, such as a view that an outer container's engine has made; nothing else.
// Fails with E_DST_RESOLVE, E_RACE.
[[nodiscard]] Result<UniqueFd> open_driver_directory(ContainerRoot root);

// Why it cannot be mounted over in the container, for people; empty if it can. `mounts` is the
// container's mountinfo. Fails with E_RACE, E_KERNEL.
[[nodiscard]] Result<std::string> trouble_with_driver_directory(
    const Rootfs& rootfs, const std::vector<MountEntry>& mounts);

// Likewise for a container that does not exist yet: its procfs will show what this one does.
[[nodiscard]] std::string trouble_with_driver_directory(const Procfs& own);

}  // namespace nvhook::container
