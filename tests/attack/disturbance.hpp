// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nvhook::test {

// Whether somebody on this machine, in whatever namespace, renames or mounts things just now, and
// again and again: the kernel calls lookups with ".." off then, and a hook refuses with E_RACE that
// nobody races. Makes such lookups for 50 ms, until one is called off.
// Source: openat2(2), EAGAIN.
[[nodiscard]] bool is_disturbed();

}  // namespace nvhook::test
