// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace nvhook {

// Text from outside, fit for a message: in double quotes, control bytes, quotes, backslashes and
// everything beyond ASCII as \xHH, cut after 128 bytes with "..." behind.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace nvhook
