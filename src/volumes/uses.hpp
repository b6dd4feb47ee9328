// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/error.hpp"

namespace nvhook::volumes {

// Which mounts of which volumes Docker has told us of, and not taken back.
struct Uses {
  // Version, and Docker's name for the mount.
  std::set<std::pair<std::string, std::string>> mounts;

  [[nodiscard]] std::size_t count(std::string_view version) const;
};

// A line "boot <id>", then one "<version> <mount>" each. What was noted before another boot means
// nothing, and neither does a file that somebody else wrote: none is in use then.
[[nodiscard]] std::string to_text(const Uses& uses, std::string_view boot);
[[nodiscard]] Uses parse_uses(std::string_view text, std::string_view boot);

// What a mount is called in that file: Docker's 64 hexadecimal digits as they are; "-" if it gave
// none; anything that is no word of at most 128 letters, digits, '-' and '_' in other words.
[[nodiscard]] std::string word_for(std::string_view id);

// The id of this boot. Fails with E_KERNEL. Source: random(4), boot_id.
[[nodiscard]] Result<std::string> boot_id();

// The file in .nvhook. Fail with E_STORE, E_NOSPC, E_KERNEL.
[[nodiscard]] Result<Uses> read_uses(int own);
[[nodiscard]] Result<void> write_uses(int own, const Uses& uses);
// Likewise, where `uses` are some of those in the file: on a full disk, too. If that is interrupted
// none is missing that is left.
[[nodiscard]] Result<void> write_fewer_uses(int own, const Uses& uses);

}  // namespace nvhook::volumes
