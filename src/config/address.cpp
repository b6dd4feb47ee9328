// SPDX-License-Identifier: Apache-2.0
#include "nvhook/config/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace nvhook::config {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc() || stop != end || port == 0 || digits.front() == '0') return {};
  return port;
}

std::optional<Address> parse_host(std::string host, bool six) {
  Address address{.host = std::move(host), .six = six};
  if (six) {
    in6_addr bytes{};
    if (::inet_pton(AF_INET6, address.host.c_str(), &bytes) != 1) return {};
    address.loopback = IN6_IS_ADDR_LOOPBACK(&bytes) != 0;
    address.any = IN6_IS_ADDR_UNSPECIFIED(&bytes) != 0;
    return address;
  }
  in_addr bytes{};
  if (::inet_pton(AF_INET, address.host.c_str(), &bytes) != 1) return {};
  address.loopback = ntohl(bytes.s_addr) >> 24U == IN_LOOPBACKNET;
  address.any = bytes.s_addr == INADDR_ANY;
  return address;
}

bool is_name(std::string_view text) {
  constexpr std::size_t kMost = 253;
  return !text.empty() && text.size() <= kMost && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  });
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || text.contains('\0')) return {};
  auto host = text.substr(0, colon);
  const bool six = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (six) host = host.substr(1, host.size() - 2);
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return {};
  auto address = parse_host(std::string(host), six);
  if (address) address->port = *port;
  return address;
}

bool is_host_name(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return is_name(text);
  return parse_address(std::string(text) + ":1").has_value();
}

}  // namespace nvhook::config
