// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"

// A text that is kept in a file together with the key under which it counts.
namespace nvhook::nvml {

// What was kept as `name` under exactly this key below `parent`, of `most` bytes at most; nothing
// if there is none, if it cannot be read, or if others than this user can change it.
[[nodiscard]] std::optional<std::string> recall_text(const std::string& parent,
                                                     const std::string& name, std::string_view key,
                                                     std::size_t most);

// Keeps it in the place of an older one, whole or not at all; makes the directories (mode 0700) if
// they are missing. Fails with E_NVML_ANSWER.
[[nodiscard]] Result<void> remember_text(const std::string& parent, const std::string& name,
                                         std::string_view key, std::string_view text);

}  // namespace nvhook::nvml
