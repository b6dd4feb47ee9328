// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace nvhook::config {

// The one of `known` that `word` most likely stands for: fewest characters inserted, removed or
// exchanged (Levenshtein's distance), the first of equals. Empty when none comes close.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> known);

}  // namespace nvhook::config
