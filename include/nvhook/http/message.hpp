// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::http {

enum class Method : std::uint8_t { Get, Head, Post };

// A request that has passed every check of the server's rules (server.hpp). All views live as long
// as the call of the handler that gets them.
struct Request {
  Method method = Method::Get;
  std::string_view path;    // as sent, not decoded, begins with '/', without the query
  std::string_view query;   // as sent, what stands behind the first '?'; empty without
  std::string_view accept;  // the value of Accept; empty without
  std::string_view body;    // of a Post
};

struct Header {
  std::string name;
  std::string value;
};

// The server adds what every answer has (Date, the length, what browsers are forbidden) unless
// `headers` has it: so the status page brings a Content-Security-Policy of its own. The body is
// shared, not copied: one that is kept may be sent to many clients at once.
struct Response {
  int status = 200;
  std::string content_type;                      // empty: none is sent
  std::shared_ptr<const std::string> body = {};  // none: an empty one
  std::vector<Header> headers = {};
};

[[nodiscard]] Response response(int status, std::string content_type, std::string body);
// As text/plain; charset=utf-8.
[[nodiscard]] Response text_response(int status, std::string body);
// What nvidia-docker-plugin 1.0 says of a path or a method that it does not know, and of its own
// failures: "404 page not found", "internal error, check logs for details". Source: its answers.
[[nodiscard]] Response not_found();
[[nodiscard]] Response internal_error();

}  // namespace nvhook::http
