// SPDX-License-Identifier: Apache-2.0
#include "escape.hpp"

namespace nvhook::record {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";

bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '%' && byte != '"' && byte != '\\';
}

}  // namespace

std::string escape(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    if (is_plain(byte))
      text += each;
    else
      text.append({'%', kDigits[byte >> 4U], kDigits[byte & 0xfU]});
  }
  return text;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_plain(static_cast<unsigned char>(text[i]))) return std::nullopt;
      bytes += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = kDigits.find(text[i + 1]);
    const auto low = kDigits.find(text[i + 2]);
    if (high == kDigits.npos || low == kDigits.npos) return std::nullopt;
    const auto byte = static_cast<unsigned char>(high << 4U | low);
    if (is_plain(byte)) return std::nullopt;
    bytes += static_cast<char>(byte);
    i += 2;
  }
  return bytes;
}

}  // namespace nvhook::record
