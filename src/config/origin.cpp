// SPDX-License-Identifier: Apache-2.0
#include "origin.hpp"

#include <algorithm>
#include <ranges>

namespace nvhook::config {

const Given* giver_of(const Key& key, const Parsed& effective) {
  const auto last = std::views::reverse(effective.given);
  const auto giver = std::ranges::find_if(
      last, [&](const Given& one) { return one.table == key.table && one.name == key.name; });
  return giver == last.end() ? nullptr : &*giver;
}

}  // namespace nvhook::config
