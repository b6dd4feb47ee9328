// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "capture.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"

// What keeps a container that is root of something from taking "ro" and the like off our mounts.
// Both are done to captured sources before the container is entered, and can be done without: what
// the kernel or a file system does not allow is a warning.
namespace nvhook::apply {

// Lets the sources that the plan seals come out of overlays, one a directory of the host. Warns
// with W_NOT_SEALED.
[[nodiscard]] std::vector<Warning> seal(const std::vector<Captured>& captured,
                                        const container::Procfs& procfs, Capturer::OwnerView view);

// For a container with a user namespace of its own: locks the restrictions of all sources there.
// Warns with W_NOT_LOCKED; the sources have to be captured again then.
[[nodiscard]] std::vector<Warning> lock(const std::vector<Captured>& captured,
                                        const container::Process& process);

}  // namespace nvhook::apply
