// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// Where the value of a key is kept: a path, or a list of paths.
using PathOf = std::string& (*)(Settings&);
using PathsOf = std::vector<std::string>& (*)(Settings&);

// One key of the configuration file. The table of all keys drives reading, the search for
// misspelt ones, and the defaults.
struct Key {
  std::string_view table;
  std::string_view name;
  std::variant<PathOf, PathsOf> place;
  std::span<const std::string_view> usual;  // the default; for a path, one ("": left to nvhook)
};

[[nodiscard]] std::span<const Key> all_keys();

}  // namespace nvhook::config
