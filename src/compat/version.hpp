// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace nvhook::compat {

// The numbers of a driver's version: {575, 57, 8} of "575.57.08". Nothing for what is no numbers
// between dots, of nine digits at most each. They compare as versions do.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> numbers_of(std::string_view version);

}  // namespace nvhook::compat
