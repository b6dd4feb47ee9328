// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/musl_path.hpp"

#include <algorithm>

namespace nvhook::ldcache {
namespace {

constexpr std::string_view kUsual = "/lib\n/usr/local/lib\n/usr/lib\n";
constexpr std::string_view kSeparators = "\n:";

bool has(std::string_view list, std::string_view directory) {
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(kSeparators), list.size());
    if (list.substr(0, end) == directory) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace

std::string extend_musl_path(std::string_view present,
                             std::span<const std::string_view> directories) {
  // The loader reads no further than to the first NUL.
  std::string text(present.empty() ? kUsual : present.substr(0, present.find('\0')));
  for (const auto directory : directories) {
    if (has(text, directory)) continue;
    if (!text.empty() && !kSeparators.contains(text.back())) text += '\n';
    text.append(directory) += '\n';
  }
  return text;
}

}  // namespace nvhook::ldcache
