// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
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

// One of a few words: what to keep for the word at `position` of `words`.
struct WordOf {
  std::span<const std::string_view> words;
  void (*keep)(Settings&, std::size_t position);
};

// One key of the configuration file. The table of all keys drives reading, the search for
// misspelt ones, and the defaults.
struct Key {
  std::string_view table;
  std::string_view name;
  std::variant<PathOf, PathsOf, WordOf> place;
  // The default: of a path ("": left to nvhook) and a word, one.
  std::span<const std::string_view> usual;
};

[[nodiscard]] std::span<const Key> all_keys();

}  // namespace nvhook::config
