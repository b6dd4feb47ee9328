// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::files {

// Opens /proc (O_PATH) and makes sure that it is one, the root of it, and that it shows this
// process's pid namespace: the file system's magic number and the root's inode number 1 (the magic
// alone is fooled by a bind of /proc/1 over /proc). Fails with E_KERNEL.
[[nodiscard]] Result<UniqueFd> open_proc();

}  // namespace nvhook::files
