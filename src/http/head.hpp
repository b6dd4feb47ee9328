// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "nvhook/http/server.hpp"

namespace nvhook::http {

inline constexpr std::size_t kMaxRequestLine = 4096;  // bytes, without its end
inline constexpr std::size_t kMaxField = 4096;        // name, value and what is between
inline constexpr std::size_t kMaxHead = std::size_t{16} * 1024;
inline constexpr std::size_t kMaxFields = 64;
inline constexpr std::ptrdiff_t kMaxParameters = 100;  // of a query: '&' in a target

// A header of a request.
struct Field {
  std::string_view name;
  std::string_view value;
};

// Of a request, as libmicrohttpd took it apart: it is lenient, so nothing about the parts holds.
struct Head {
  std::string_view method;
  std::string_view target;
  std::string_view version;
  std::vector<Field> fields;
  std::size_t size = 0;  // bytes as sent, from the method to the empty line
};

// An answer that the handler is not asked for.
struct Refusal {
  int status = 400;
  std::string_view why;  // a line for the client, which tells it nothing that it did not send
};

// Why a request with this head is not served under these rules, if it is not. 404 is for methods
// that the original answers as it answers unknown paths.
[[nodiscard]] std::optional<Refusal> refusal_of(const Head& head, const Rules& rules);

}  // namespace nvhook::http
