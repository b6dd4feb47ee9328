// SPDX-License-Identifier: Apache-2.0
#include "nvhook/http/message.hpp"

#include <utility>

namespace nvhook::http {
namespace {

// Go's http.Error, which the original answers with.
Response error_text(int status, std::string body) {
  auto answer = text_response(status, std::move(body));
  answer.headers.push_back({"X-Content-Type-Options", "nosniff"});
  return answer;
}

}  // namespace

Response response(int status, std::string content_type, std::string body) {
  return {.status = status,
          .content_type = std::move(content_type),
          .body = std::make_shared<const std::string>(std::move(body))};
}

Response text_response(int status, std::string body) {
  return response(status, "text/plain; charset=utf-8", std::move(body));
}

Response not_found() { return error_text(404, "404 page not found\n"); }

Response internal_error() { return error_text(500, "internal error, check logs for details\n"); }

}  // namespace nvhook::http
