// SPDX-License-Identifier: Apache-2.0
#include "rest/utf8.hpp"

namespace nvhook::rest {
namespace {

constexpr Rune kInvalid{.code = 0xfffd, .bytes = 1, .valid = false};

// How many bytes a character has by its first one; 0: none begins so.
std::size_t length_by(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

}  // namespace

Rune first_rune(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const auto length = length_by(first);
  if (length == 0 || length > text.size()) return kInvalid;
  char32_t code = length == 1 ? first : first & (0x7fU >> length);
  for (const char c : text.substr(1, length - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80) return kInvalid;
    code = code << 6U | (byte & 0x3fU);
  }
  const bool too_long = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (too_long || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return kInvalid;
  return {.code = code, .bytes = length};
}

}  // namespace nvhook::rest
