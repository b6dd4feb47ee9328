// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/oci/state.hpp"

namespace nvhook::oci {

// The form in which a parsed document crosses from the parser child to the main process:
// numbers and length-prefixed strings, nothing to interpret. Between processes of one run only.
[[nodiscard]] std::string encode(const State& state);
[[nodiscard]] std::string encode(const Config& config);

// The child is not trusted: every count and length is checked against the bytes that are there,
// and what comes out holds to the same rules as what the parsers hand out.
// Fails with E_BUG, for a sound child never sends such a record.
[[nodiscard]] Result<State> decode_state(std::string_view record);
[[nodiscard]] Result<Config> decode_config(std::string_view record);

}  // namespace nvhook::oci
