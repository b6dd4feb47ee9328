// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::files {

// Everything from the descriptor's position to its end, at most `cap` bytes: a longer one fails
// with EFBIG, it is never cut. read(2) only, no mapping: a file that shrinks meanwhile must not
// kill us by SIGBUS. Works for procfs files, whose size is unknown. Fails with E_KERNEL.
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t cap);

// The bytes of the regular file `name` below `dir`, at most `cap`. For directories of this host's:
// what stands there is opened, without blocking, before its type is checked, so a fifo or a device
// is an error (EINVAL) instead of a wait. Files of an image are opened by open_regular.
// Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<std::string> read_file(int dir, std::string_view name, std::size_t cap,
                                            Lookup lookup);

// As read_file for a file of procfs or a cgroup file system, below a directory that is known to be
// on one: nothing there is a fifo or a device, so it is opened at once. Looks up no other path, and
// may be called in any mount namespace. Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<std::string> read_kernel_file(int dir, std::string_view name, std::size_t cap);

}  // namespace nvhook::files
