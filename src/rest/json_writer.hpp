// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nvhook::rest {

// Writes JSON as Go's encoder does, which the original used: no spaces, members in the order in
// which they are written, and texts that may stand in a page (<, >, & and the line ends of Unicode
// as \u003c; bytes that are no UTF-8 as \ufffd). Source: encoding/json, "HTMLEscape".
class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(std::unsigned_integral auto number) {
    if constexpr (std::same_as<decltype(number), bool>)
      word(number ? "true" : "false");
    else
      word(std::to_string(number));
  }
  void null() { word("null"); }
  template <class Value>
  void value(const std::optional<Value>& value_or_none) {
    value_or_none ? value(*value_or_none) : null();
  }

  template <class Value>
  void member(std::string_view name, const Value& member_value) {
    key(name);
    value(member_value);
  }

  // One line and its end.
  [[nodiscard]] std::string take() &&;

 private:
  void open(char bracket);
  void close(char bracket);
  void word(std::string_view text);
  void separate();
  void quote(std::string_view text);

  std::string text_;
  bool first_ = true;  // nothing stands before the next value that a comma would divide it from
};

}  // namespace nvhook::rest
