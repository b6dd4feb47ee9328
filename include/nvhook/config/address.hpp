// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nvhook::config {

// Where a server of TCP listens. Numeric: a name would be looked up, and by whoever answers that.
struct Address {
  std::string host;  // "127.0.0.1", "::1": as inet_pton(3) takes it
  std::uint16_t port = 0;
  bool six = false;       // of IPv6
  bool loopback = false;  // nobody but this host's own processes reaches it
  bool any = false;       // 0.0.0.0 or ::, all addresses of this host
  bool operator==(const Address&) const = default;
};

// "127.0.0.1:3476", "[::1]:3476". Nothing if it is anything else, or the port is 0. An address of
// IPv4 written as one of IPv6 is none of the loopback's.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

// Whether it is the name of a host, as a client sends it in front of the port: letters, digits,
// dots and hyphens, 253 characters at most; or a numeric address, [in brackets] one of IPv6.
// Source: RFC 9110, 7.2; RFC 1123, 2.1.
[[nodiscard]] bool is_host_name(std::string_view text);

// What messages say is due.
inline constexpr std::string_view kAddressDue =
    "a numeric address and a port (127.0.0.1:3476, [::1]:3476)";
inline constexpr std::string_view kHostDue = "the name of a host, without a port,";

}  // namespace nvhook::config
