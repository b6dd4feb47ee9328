// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nvhook::nvml {

// What a child process said, and how it ended.
struct Said {
  enum class End : std::uint8_t {
    Status,   // by itself, with the exit status `number`; 0 as well while it goes on
    Signal,   // by the signal `number`
    Late,     // by us, when its time was over
    TooMuch,  // by us, when it said too much
  };
  std::string text;
  End end = End::Status;
  int number = 0;
};

// As bytes, from one process of ours to another: the end, the number, the length of the text in
// four bytes of this machine's order, and the text.
inline constexpr std::size_t kSaidHeader = 6;
[[nodiscard]] std::string encode(const Said& said);

// How many bytes there are in all, by the first kSaidHeader of them, which must be there.
[[nodiscard]] std::size_t encoded_size(std::string_view bytes);

// Nothing if these are not the bytes of one, and one only.
[[nodiscard]] std::optional<Said> decode(std::string_view bytes);

}  // namespace nvhook::nvml
