// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"

// How values of variables are taken apart.
namespace nvhook::request {

// Far beyond any machine; they bound the time that an image's environment can cost.
inline constexpr std::size_t kMaxItems = 4096;
inline constexpr std::size_t kMaxValue = std::size_t{256} << 10U;  // bytes: kMaxItems UUIDs fit

// Of the last entry with that name.
[[nodiscard]] std::optional<std::string_view> value_of(const std::vector<std::string>& env,
                                                       std::string_view name);

[[nodiscard]] std::string_view trimmed(std::string_view text);
[[nodiscard]] std::string in_lower_case(std::string_view text);

// The items between commas, without blanks around them and without empty ones.
[[nodiscard]] std::vector<std::string_view> items_of(std::string_view list);

// The items of the variable's value. Fails with `id`: more than kMaxValue or kMaxItems.
[[nodiscard]] Result<std::vector<std::string_view>> bounded_items(ErrorId id,
                                                                  std::string_view variable,
                                                                  std::string_view value);

// "VARIABLE: why"
[[nodiscard]] std::unexpected<Error> bad_value(ErrorId id, std::string_view variable,
                                               std::string_view why);

// A decimal number without sign and prefix.
[[nodiscard]] std::optional<std::uint32_t> as_number(std::string_view text);

}  // namespace nvhook::request
