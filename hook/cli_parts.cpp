// SPDX-License-Identifier: Apache-2.0
#include "cli_parts.hpp"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace nvhook {

std::string absolute(std::string path) {
  if (path.empty() || path.front() == '/') return path;
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return path;
  return std::string(here.data()) + "/" + path;
}

std::string shown_on_one_line(std::string text) {
  constexpr std::size_t kMost = 256;  // a message stays one line that a person reads
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  if (text.size() > kMost) text.replace(kMost, text.npos, "...");
  return text;
}

}  // namespace nvhook
