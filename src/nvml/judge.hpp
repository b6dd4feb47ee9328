// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/nvml/ask.hpp"
#include "nvml/said.hpp"

namespace nvhook::nvml {

// What the program said of a question, read with distrust, or how it failed, in words for people;
// with the errors of ask().
[[nodiscard]] Result<Answer> judge(const Question& question, Said said);

}  // namespace nvhook::nvml
