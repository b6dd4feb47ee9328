// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rest/values.hpp"

// Values as the text bodies show them: "235 W", "N/A".
namespace nvhook::rest {

inline constexpr std::string_view kNotAvailable = "N/A";

[[nodiscard]] inline std::string shown(const Number& value, std::string_view unit = "") {
  if (!value) return std::string(kNotAvailable);
  return std::to_string(*value) + (unit.empty() ? "" : " ") + std::string(unit);
}

template <class Words>
[[nodiscard]] std::string shown_words(const std::optional<Words>& text) {
  return std::string(text ? std::string_view(*text) : kNotAvailable);
}

}  // namespace nvhook::rest
