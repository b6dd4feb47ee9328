// SPDX-License-Identifier: Apache-2.0
#include "rest/exposition.hpp"

#include <array>
#include <charconv>

#include "rest/utf8.hpp"

namespace nvhook::rest {
namespace {

void append_value(std::string& text, std::string_view value) {
  while (!value.empty()) {
    const auto rune = first_rune(value);
    if (rune.code == '\\' || rune.code == '"')
      (text += '\\') += static_cast<char>(rune.code);
    else if (rune.code == '\n')
      text += "\\n";
    else
      text += rune.valid ? value.substr(0, rune.bytes) : "\xef\xbf\xbd";
    value.remove_prefix(rune.bytes);
  }
}

}  // namespace

void Exposition::family(std::string_view name, Kind kind, std::string_view help) {
  name_ = name;
  head_ = "# HELP ";
  ((head_ += name) += ' ') += help;
  (head_ += "\n# TYPE ") += name;
  head_ += kind == Kind::Counter ? " counter\n" : " gauge\n";
}

void Exposition::sample(std::span<const Label> labels, double value) {
  text_ += head_;
  head_.clear();
  text_ += name_;
  char before = '{';
  for (const auto& label : labels) {
    ((text_ += before) += label.name) += "=\"";
    append_value(text_, label.value);
    text_ += '"';
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  std::array<char, 400> number{};  // the longest double without an exponent has 309 digits
  const auto [end, error] =
      std::to_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  text_ += ' ';
  text_.append(number.data(), error == std::errc() ? end : number.data());
  text_ += '\n';
}

}  // namespace nvhook::rest
