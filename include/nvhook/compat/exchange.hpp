// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/compat/examine.hpp"

namespace nvhook::compat {

// The form in which excerpt and finding cross between the main process and the parser child:
// numbers and length-prefixed strings. Between processes of one run only.
[[nodiscard]] std::string encode(const Excerpt& file);
[[nodiscard]] std::string encode(const Finding& finding);

// The views borrow from `question`. Fails with E_BUG.
[[nodiscard]] Result<Excerpt> decode_excerpt(std::string_view question);

// The child is not trusted: what comes out holds to what examine.hpp says of a finding about a file
// of this size, whoever made it, but that a need may be of bytes that are there already.
// Fails with E_BUG, for a sound child never sends anything else.
[[nodiscard]] Result<Finding> decode_finding(std::string_view record, std::uint64_t file_size);

// What the child does: examines the excerpt of a question. Fails with E_BUG (no question).
[[nodiscard]] Result<std::string> answer(std::string_view question);

}  // namespace nvhook::compat
