// SPDX-License-Identifier: Apache-2.0
#include "version.hpp"

#include <algorithm>
#include <cstddef>

namespace nvhook::compat {

std::optional<std::vector<std::uint32_t>> numbers_of(std::string_view version) {
  constexpr std::size_t kMaxDigits = 9;  // any such number fits 32 bits
  std::vector<std::uint32_t> numbers;
  for (;;) {
    const auto digits = version.substr(0, version.find('.'));
    if (digits.empty() || digits.size() > kMaxDigits) return std::nullopt;
    std::uint32_t number = 0;
    for (const char c : digits) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    numbers.push_back(number);
    if (digits.size() == version.size()) return numbers;
    version.remove_prefix(digits.size() + 1);
  }
}

}  // namespace nvhook::compat
