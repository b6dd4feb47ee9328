// SPDX-License-Identifier: Apache-2.0
#include "http/host.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>

#include "http/text.hpp"

namespace nvhook::http {
namespace {

constexpr std::size_t kMaxPortDigits = 5;

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= kMaxPortDigits && std::ranges::all_of(text, is_digit);
}

// As it stands in a URL: IPv6 in brackets.
bool is_address(std::string_view name) {
  in6_addr address{};
  if (name.starts_with('['))
    return ::inet_pton(AF_INET6, std::string(name.substr(1, name.size() - 2)).c_str(), &address) ==
           1;
  return ::inet_pton(AF_INET, std::string(name).c_str(), &address) == 1;
}

}  // namespace

std::optional<std::string_view> name_in_host(std::string_view host) {
  const auto bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const auto colon = host.find(':', bracket);
  const auto name = host.substr(0, colon);
  const bool whole = !name.empty() && (bracket == 0 || bracket + 1 == name.size());
  const bool named = std::ranges::all_of(
      name, [](char c) { return is_letter(c) || is_digit(c) || "-._[]:"sv.contains(c); });
  if (!whole || !named) return std::nullopt;
  if (colon != std::string_view::npos && !is_port(host.substr(colon + 1))) return std::nullopt;
  return name;
}

bool names_us(std::string_view name, const Rules& rules) {
  const auto same = [&](const std::string& ours) { return equal_ignoring_case(ours, name); };
  return rules.any_host || std::ranges::any_of(rules.hosts, same) ||
         (rules.any_address && is_address(name));
}

bool is_our_origin(std::string_view origin, std::string_view host) {
  constexpr auto kScheme = "http://"sv;
  return origin.starts_with(kScheme) && equal_ignoring_case(origin.substr(kScheme.size()), host);
}

}  // namespace nvhook::http
