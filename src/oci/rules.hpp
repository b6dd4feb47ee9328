// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/oci/state.hpp"

namespace nvhook::oci {

// What holds for every State and Config, whether it was parsed or came from the parser child.
// Fail with E_STATE_FIELD, naming the field, or E_PID.
[[nodiscard]] Result<void> check(const State& state);
[[nodiscard]] Result<void> check(const Config& config);

}  // namespace nvhook::oci
