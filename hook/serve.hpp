// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"

namespace nvhook {

// nvhook serve: becomes nvhook-companion, which lies beside this program, with the words from
// `argv` on: the first is replaced by its name. Returns only if it fails: E_USAGE.
[[nodiscard]] Result<void> become_companion(char** argv);

}  // namespace nvhook
