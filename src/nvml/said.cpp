// SPDX-License-Identifier: Apache-2.0
#include "nvml/said.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace nvhook::nvml {

std::string encode(const Said& said) {
  const auto size =
      std::bit_cast<std::array<char, 4>>(static_cast<std::uint32_t>(said.text.size()));
  std::string bytes{static_cast<char>(said.end), static_cast<char>(said.number)};
  return bytes.append(size.data(), size.size()).append(said.text);
}

std::size_t encoded_size(std::string_view bytes) {
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + kSaidHeader - sizeof size, sizeof size);
  return kSaidHeader + size;
}

std::optional<Said> decode(std::string_view bytes) {
  if (bytes.size() < kSaidHeader || bytes.size() != encoded_size(bytes)) return std::nullopt;
  const auto end = static_cast<unsigned char>(bytes[0]);
  if (end > static_cast<unsigned char>(Said::End::TooMuch)) return std::nullopt;
  return Said{.text = std::string(bytes.substr(kSaidHeader)),
              .end = static_cast<Said::End>(end),
              .number = static_cast<unsigned char>(bytes[1])};
}

}  // namespace nvhook::nvml
