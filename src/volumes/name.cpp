// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/name.hpp"

#include <algorithm>
#include <cstddef>

namespace nvhook::volumes {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool may_be_in_kind(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' ||
         c == '-';
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  constexpr std::size_t kMaxNumbers = 4;
  constexpr std::size_t kMaxDigits = 6;
  constexpr std::size_t kMaxFirstDigits = 4;
  auto rest = text;
  for (std::size_t numbers = 0; numbers < kMaxNumbers; ++numbers) {
    const auto digits = std::min(rest.find('.'), rest.size());
    if (digits == 0 || digits > (numbers == 0 ? kMaxFirstDigits : kMaxDigits)) return std::nullopt;
    if (!std::ranges::all_of(rest.substr(0, digits), is_digit)) return std::nullopt;
    if (digits == rest.size()) return Version(std::string(text));
    rest.remove_prefix(digits + 1);
  }
  return std::nullopt;
}

std::optional<Name> parse_name(std::string_view text) {
  const auto at = text.rfind('_');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const auto kind = text.substr(0, at);
  if (!std::ranges::all_of(kind, may_be_in_kind)) return std::nullopt;
  auto version = Version::parse(text.substr(at + 1));
  if (!version) return std::nullopt;
  return Name{.kind = std::string(kind), .version = *std::move(version)};
}

std::string name_of(const Version& version) { return std::string(kKind) + "_" + version.text(); }

}  // namespace nvhook::volumes
