// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::files {

// The names in the directory `dir`, sorted bytewise, without "." and "..". Directories of an
// image may have millions of names: of these a few more than `cap` are read, which is to be small then.
// More than `cap` names fail with EOVERFLOW. Fails with E_KERNEL.
[[nodiscard]] Result<std::vector<std::string>> names_in(int dir, std::size_t cap);

}  // namespace nvhook::files
