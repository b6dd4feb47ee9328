// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook::apply {

// Writes all bytes to a file. Fails with E_NOSPC, E_KERNEL.
[[nodiscard]] Result<void> write_whole(int fd, std::string_view bytes);

}  // namespace nvhook::apply
