// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook::files {

// Writes all bytes from the descriptor's position on; some may have been written if it fails. An
// interruption is a failure, too. Fails with E_NOSPC, E_KERNEL.
[[nodiscard]] Result<void> write_whole(int fd, std::string_view bytes);

}  // namespace nvhook::files
