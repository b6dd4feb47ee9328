// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>

#include "support/launch.hpp"

namespace nvhook::test {

// Whether a call is the first of nvhook's own: it closes what it has inherited, on kernels before
// 5.9 by a list of that. What is called before is of its loader, its C library or a sanitizer.
inline bool is_start_of_hook(const WatchedCall& call) {
  return call.number == SYS_close_range ||
         (call.number == SYS_openat && call.text(1) == "/proc/self/fd");
}

}  // namespace nvhook::test
