// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvhook/ldcache/ldcache.hpp"

namespace nvhook::ldcache {

// What a cache is to say. Views borrow.
struct Contents {
  Layout layout = Layout::New;
  std::vector<Entry> entries;             // in the loader's order, kMaxEntries at most
  std::vector<std::string_view> folders;  // of glibc-hwcaps; entries have their numbers
  std::string_view generator;
};

// The bytes of such a cache; empty if its strings alone take more than kMaxCacheBytes. An old block in
// front is empty: nothing since glibc 2.2 reads it.
[[nodiscard]] std::string write(const Contents& contents);

}  // namespace nvhook::ldcache
