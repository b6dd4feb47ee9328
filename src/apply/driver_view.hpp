// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/mount/tier.hpp"
#include "nvhook/plan/plan.hpp"
#include "undo.hpp"

namespace nvhook::apply {

// The view as a mount that nobody can see yet, read-only, with the label of SELinux's that is
// given. None where the kernel has no detached mounts. Fails with E_KERNEL, E_NOSPC.
[[nodiscard]] Result<std::optional<UniqueFd>> build_driver_view(const plan::DriverView& view,
                                                                const std::string& label,
                                                                mount::Tier tier);

// Mounts the view in the container, from inside its mount namespace: `built` as it is, or else a
// new file system that is filled there, before the container's program can look. One of a single
// file is mounted over the directory for that long only, to be bound from. The procfs is verified
// here again; nothing is made in it. `undo` learns of what is mounted; `fd_directory`: this
// process's fd directory of the verified procfs. Fails with E_RACE, E_PROPAGATION, E_NOSPC,
// E_KERNEL.
[[nodiscard]] Result<void> place_driver_view(const plan::DriverView& view,
                                             std::optional<UniqueFd> built,
                                             const std::string& label,
                                             const container::Rootfs& rootfs, Undo& undo,
                                             int fd_directory);

}  // namespace nvhook::apply
