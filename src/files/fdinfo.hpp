// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nvhook/base/error.hpp"

namespace nvhook::files {

// The mount that `fd` lies on, by /proc/self/fdinfo: for kernels whose statx(2) does not tell.
// Fails with E_KERNEL, also where /proc is not what it should be.
[[nodiscard]] Result<std::uint64_t> mount_id_by_fdinfo(int fd);

}  // namespace nvhook::files
