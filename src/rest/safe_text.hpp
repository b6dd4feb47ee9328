// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

namespace nvhook::rest {

// Whether a shell takes the text for nothing but text, wherever it stands.
[[nodiscard]] inline bool is_safe(std::string_view text) {
  constexpr std::string_view kSigns = "_./:=,-";
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           kSigns.contains(c);
  });
}

}  // namespace nvhook::rest
