// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/error.hpp"

namespace nvhook::volumes {

// What a system call on the store failed with, as system_failure(): E_NOSPC for want of room, else
// E_STORE.
[[nodiscard]] std::unexpected<Error> trouble(std::string action);

// Likewise for a failure of another module.
[[nodiscard]] Error as_trouble(Error error);

}  // namespace nvhook::volumes
