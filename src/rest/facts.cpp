// SPDX-License-Identifier: Apache-2.0
#include "nvhook/rest/facts.hpp"

#include <charconv>

namespace nvhook::rest {
namespace {

constexpr std::uint32_t kMaxNode = 1023;  // linux/include/linux/numa.h: MAX_NUMNODES - 1

}  // namespace

std::uint32_t parse_numa_node(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::uint32_t node = 0;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, node);
  return error == std::errc() && at == end && node <= kMaxNode ? node : 0;
}

}  // namespace nvhook::rest
