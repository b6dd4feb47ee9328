// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nvhook::record {

// Any bytes as ASCII text, for a JSON string holds UTF-8 only and a file name may be anything:
// control characters, "%", what JSON escapes, and what lies beyond ASCII become %HH, as in a URI
// (RFC 3986, 2.1).
[[nodiscard]] std::string escape(std::string_view bytes);

// The bytes back; nothing for text that escape() does not give.
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);

}  // namespace nvhook::record
