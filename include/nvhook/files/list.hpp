// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::files {

// The names in the directory `dir`, sorted bytewise, without "." and "..". Trusted directories
// only: image directories may have millions of names and are never listed. More than `cap` names
// fail with EOVERFLOW. Fails with E_KERNEL.
[[nodiscard]] Result<std::vector<std::string>> names_in(int dir, std::size_t cap);

}  // namespace nvhook::files
