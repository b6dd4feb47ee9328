// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "nvhook/http/server.hpp"

namespace nvhook::http {

// The name in the value of a Host header: "localhost" of "localhost:3476", "[::1]" of "[::1]".
// Nothing if the value is no name with at most a port behind it. Source: RFC 9110, 7.2.
[[nodiscard]] std::optional<std::string_view> name_in_host(std::string_view host);

// Whether the rules let a request name this server so.
[[nodiscard]] bool names_us(std::string_view name, const Rules& rules);

// Whether the value of an Origin header is this server under the name of the Host header.
[[nodiscard]] bool is_our_origin(std::string_view origin, std::string_view host);

}  // namespace nvhook::http
