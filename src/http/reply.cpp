// SPDX-License-Identifier: Apache-2.0
#include "http/reply.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "http/text.hpp"

namespace nvhook::http {
namespace {

struct FixedHeader {
  const char* name;
  const char* value;
};

// What a browser must not do with an answer: keep it, guess what it is, run or show anything in it,
// let a page of another site have it.
constexpr std::array kOfEveryAnswer = {
    FixedHeader{"Cache-Control", "no-store"},
    FixedHeader{"X-Content-Type-Options", "nosniff"},
    FixedHeader{"Cross-Origin-Resource-Policy", "same-origin"},
    FixedHeader{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

using Body = std::shared_ptr<const std::string>;

Reply reply_around(const Body& body) {
  if (body == nullptr || body->empty())
    return Reply(MHD_create_response_from_buffer(0, nullptr, MHD_RESPMEM_PERSISTENT));
  auto shared = std::make_unique<Body>(body);
  Reply reply(MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(),
      // Its parameter is no pointer to const, but it only reads.
      const_cast<char*>(body->data()), [](void* held) { delete static_cast<Body*>(held); },
      shared.get()));
  if (reply != nullptr) static_cast<void>(shared.release());  // the callback has it
  return reply;
}

bool brings(const Response& response, std::string_view name) {
  return std::ranges::any_of(response.headers, [&](const Header& header) {
    return equal_ignoring_case(header.name, name);
  });
}

}  // namespace

Reply make_reply(const Response& response, Method method, After after) {
  auto reply = reply_around(response.body);
  if (reply == nullptr) return nullptr;
  bool added = true;
  const auto add = [&](const char* name, const char* value) {
    added = MHD_add_response_header(reply.get(), name, value) == MHD_YES && added;
  };
  if (!response.content_type.empty()) add("Content-Type", response.content_type.c_str());
  for (const auto& header : response.headers) add(header.name.c_str(), header.value.c_str());
  for (const auto& header : kOfEveryAnswer)
    if (!brings(response, header.name)) add(header.name, header.value);
  // Not for HEAD, behind whose answer libmicrohttpd 0.9.75 would send a last chunk.
  if (response.body != nullptr && response.body->size() > kMaxPlainBody && method != Method::Head)
    add("Transfer-Encoding", "chunked");
  if (after == After::Close) add("Connection", "close");
  return added ? std::move(reply) : nullptr;
}

}  // namespace nvhook::http
