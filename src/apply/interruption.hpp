// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"

namespace nvhook::apply {

// Holds back every signal that could end or stop this process from outside, for good: whoever calls
// this ends soon, and must not end half-way.
void hold_back_signals();

// Whether one has come meanwhile. Fails with E_INTERRUPTED then.
[[nodiscard]] Result<void> not_interrupted();

}  // namespace nvhook::apply
