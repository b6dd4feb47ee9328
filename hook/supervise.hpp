// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "journal.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/container/mountinfo.hpp"

// A file system that somebody answers for may never answer, and a process that waits for it in the
// kernel can do nothing but be killed.
namespace nvhook {

// The last resort: SIGALRM ends this process after kLastResort seconds, or, while it changes a
// container, makes it undo what it did.
inline constexpr unsigned kLastResort = 60;
void limit_time();

// Whether a look at the root file system `rootfs` may wait for a server or for another process, by
// the list of the container's mounts alone: to open it, or to ask it what it is, may take as long
// as everything else that it is asked. Those that only pass on what others say (overlayfs), or are
// not found by this name, may where any of the mounts does.
[[nodiscard]] bool may_wait_for_others(const std::vector<container::MountEntry>& mounts,
                                       std::string_view rootfs);

// Returns in a second process, which is to go on; descriptors of /proc/self are the first one's.
// The first waits: it ends as the second does, passes signals on to it, and after kPatience seconds
// kills it and ends with E_DEADLINE, about the root file system `rootfs`. The calling process must
// be single-threaded. Fails with E_KERNEL.
inline constexpr unsigned kPatience = 10;
[[nodiscard]] Result<void> continue_supervised(std::string_view rootfs, Journal& journal);

}  // namespace nvhook
