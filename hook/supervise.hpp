// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "journal.hpp"
#include "nvhook/base/error.hpp"

// A file system that somebody answers for may never answer, and a process that waits for it in the
// kernel can do nothing but be killed.
namespace nvhook {

// The last resort: SIGALRM ends this process after kLastResort seconds, or, while it changes a
// container, makes it undo what it did.
inline constexpr unsigned kLastResort = 60;
void limit_time();

// Whether looking up a name of such a file system (a type of mountinfo) waits for a server or for
// another process.
[[nodiscard]] bool waits_for_others(std::string_view file_system);

// Returns in a second process, which is to go on; descriptors of /proc/self are the first one's.
// The first waits: it ends as the second does, passes signals on to it, and after kPatience seconds
// kills it and ends with E_DEADLINE, about the root file system `rootfs`. The calling process must
// be single-threaded. Fails with E_KERNEL.
inline constexpr unsigned kPatience = 10;
[[nodiscard]] Result<void> continue_supervised(std::string_view rootfs, Journal& journal);

}  // namespace nvhook
