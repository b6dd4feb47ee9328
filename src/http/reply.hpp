// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <microhttpd.h>

#include <cstddef>
#include <memory>

#include "nvhook/http/message.hpp"

namespace nvhook::http {

// Bodies beyond are sent in chunks, as the original did.
inline constexpr std::size_t kMaxPlainBody = 2048;

struct DestroyReply {
  void operator()(MHD_Response* reply) const { MHD_destroy_response(reply); }
};
using Reply = std::unique_ptr<MHD_Response, DestroyReply>;

enum class After : std::uint8_t { KeepOpen, Close };

// `response` as libmicrohttpd has it, with the headers that every answer has. Empty without memory,
// or if a header of `response` is none.
[[nodiscard]] Reply make_reply(const Response& response, Method method, After after);

}  // namespace nvhook::http
