// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/quote.hpp"

#include <cstddef>

namespace nvhook {
namespace {

constexpr std::size_t kMaxQuoted = 128;  // a message stays one line that a person reads
constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxQuoted)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHexDigits[byte >> 4U];
      out += kHexDigits[byte & 0xfU];
    }
  }
  out += '"';
  if (text.size() > kMaxQuoted) out += "...";
  return out;
}

}  // namespace nvhook
