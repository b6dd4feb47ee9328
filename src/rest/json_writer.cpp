// SPDX-License-Identifier: Apache-2.0
#include "rest/json_writer.hpp"

#include <utility>

#include "rest/utf8.hpp"

namespace nvhook::rest {
namespace {

void append_escape(std::string& text, char32_t code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  text += "\\u";
  for (const unsigned shift : {12U, 8U, 4U, 0U}) text += kDigits[code >> shift & 0xfU];
}

bool is_escaped(char32_t code) {
  return code < 0x20 || code == '<' || code == '>' || code == '&' || code == 0x2028 ||
         code == 0x2029;
}

// Those that have a short form in Go 1.5, which the original was built with; \b and \f came later.
std::string_view short_form(char32_t code) {
  switch (code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return {};
  }
}

}  // namespace

void JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ':';
  first_ = true;
}

void JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
}

std::string JsonWriter::take() && {
  text_ += '\n';
  return std::move(text_);
}

void JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
}

void JsonWriter::word(std::string_view text) {
  separate();
  text_ += text;
}

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

void JsonWriter::quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const auto rune = first_rune(text);
    if (const auto form = short_form(rune.code); !form.empty())
      text_ += form;
    else if (!rune.valid || is_escaped(rune.code))
      append_escape(text_, rune.code);
    else
      text_ += text.substr(0, rune.bytes);
    text.remove_prefix(rune.bytes);
  }
  text_ += '"';
}

}  // namespace nvhook::rest
