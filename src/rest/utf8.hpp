// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace nvhook::rest {

struct Rune {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = true;
};

// The first character of a text that is not empty. Of bytes that are no UTF-8 (RFC 3629: too long
// a form, a surrogate, beyond U+10FFFF) one is taken, as U+FFFD.
[[nodiscard]] Rune first_rune(std::string_view text);

}  // namespace nvhook::rest
