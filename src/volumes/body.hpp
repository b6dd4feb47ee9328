// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook::volumes {

// What is read of a request's body.
struct Body {
  std::string name;  // of the volume; empty: none is named
  std::string id;    // of the mount; likewise
};

// The members Name and ID of the JSON object `text`, in whatever case, as Go finds them; all others
// are ignored. Null stands for nothing. Fails with E_STATE_PARSE (no such object, a Name that is no
// text), E_STATE_LIMIT (longer than kMaxBody, nested deeper than kMaxBodyDepth, a member that
// occurs twice).
[[nodiscard]] Result<Body> parse_body(std::string_view text);

}  // namespace nvhook::volumes
