// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace nvhook {

// Takes values off the front of a byte range. Never reads past the end, never forms a misaligned
// pointer: values are copied out, in the machine's own byte order.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }

  template <class T>
  [[nodiscard]] std::optional<T> take() noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (rest_.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }

  // A length (u32) and that many bytes, as ByteWriter::text writes them. The view borrows.
  [[nodiscard]] std::optional<std::string_view> take_text() noexcept {
    const auto size = take<std::uint32_t>();
    if (!size || *size > rest_.size()) return std::nullopt;
    const std::string_view text(reinterpret_cast<const char*>(rest_.data()), *size);
    rest_ = rest_.subspan(*size);
    return text;
  }

 private:
  std::span<const std::byte> rest_;
};

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace nvhook
