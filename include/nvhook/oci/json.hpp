// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook::oci::json {

// What an honest document never comes near. Each bounds time or memory of the parser child.
inline constexpr std::size_t kMaxDepth = 64;                        // open objects and arrays
inline constexpr std::size_t kMaxString = std::size_t{256} << 10U;  // bytes, after unescaping
inline constexpr std::size_t kMaxElements = 65'536;  // keys of one object, elements of one array

enum class Type : std::uint8_t { Null, Boolean, Integer, Number, Text, Array, Object };

// A value without parts. `Number` is any number that is no 64-bit integer: its value is of no use
// here. The text is borrowed for the length of one call.
struct Scalar {
  Type type = Type::Null;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string_view text = {};
};

// Receives the parts of a document in their order. An error ends the walk; the walk adds the place
// ("process.env[3]") in front of it.
class Events {
 public:
  Events() = default;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  virtual void key(std::string_view name) = 0;
  virtual Result<void> scalar(const Scalar& value) = 0;
  virtual Result<void> begin(Type type) = 0;  // Array or Object
  virtual void end() = 0;                     // of what was begun last

 protected:
  ~Events() = default;
};

// Walks over the whole text, which must be one JSON document and nothing else, strictly by
// RFC 8259 and without recursion. Memory beyond `text` stays within 32 MiB, most of it
// for the text of an error in a long stretch of blanks.
// Refused beyond the grammar: a byte order mark, a NUL in a string or key, a number too large for
// a double, a key that occurs twice in one object (escapes decoded). A repeated key is reported at
// the end of its object, after its values were handed out.
// Fails with E_STATE_PARSE, E_STATE_LIMIT, and with what `events` fails with.
[[nodiscard]] Result<void> walk(std::string_view text, Events& events);

}  // namespace nvhook::oci::json
