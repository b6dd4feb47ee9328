// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::test {

// Makes the named system calls answer `error` in this process and its children, for good. How an
// older kernel (ENOSYS), or a seccomp filter of somebody else's (EPERM), is tried on this one.
// "statx-mount-ids" is statx(2) where it is asked for these: at ENOSYS glibc makes an answer
// without them, of fstatat(2). Aborts for a name that nobody knows.
void take_away_calls(std::span<const std::string> calls, int error);

// What nvhook uses, or could use, that Linux 4.18 (RHEL 8) does not have; clone3 is not among them,
// for glibc uses it where it likes.
[[nodiscard]] const std::vector<std::string>& new_kernel_calls();

// take_away_calls(new_kernel_calls(), ENOSYS). For a forked child of a test.
void take_away_new_calls();

// Makes every lookup by openat2 fail with `error`, as a file system may do it: the call itself is
// there.
void fail_lookups(int error);

}  // namespace nvhook::test
