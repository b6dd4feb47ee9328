// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/ldcache/ldcache.hpp"

namespace nvhook::ldcache {

// A library that is to be found.
struct Library {
  std::string_view name;  // what the loader asks for
  std::string_view path;  // absolute
  Abi abi = Abi::X86_64;
};

// The bytes of a cache in which the loader finds `ours` first, and else what it finds in `present`,
// the bytes of a cache that nobody answers for; without any, a cache of ours alone. In glibc's
// order, whatever the order was. Libraries are in the order of their preference.
// Of `present` there stays what is sound: entries with an absolute path, a name without slashes,
// neither with control characters. What would hide one of ours goes: the same name for the same
// machine at the same path, in a folder for better processors, or with flags that come before.
// Sections that are not known go.
// The layout stays. A cache of both layouts loses its entries in glibc-hwcaps folders: where their
// names are, ldconfig and the loader disagree about. `generator` says who wrote it, as
// `ldconfig -p` shows.
// Pure; linear in the number of bytes, but for sorting. Fails as parse() does, and where there
// would be more entries or bytes than it takes.
[[nodiscard]] Result<std::string> merge(std::span<const std::byte> present,
                                        std::span<const Library> ours, std::string_view generator);

// How glibc compares names: less than, equal to or greater than 0. Runs of digits are numbers,
// which come after everything else. Source: glibc, elf/dl-cache.c, _dl_cache_libcmp.
[[nodiscard]] int compare_names(std::string_view left, std::string_view right);

}  // namespace nvhook::ldcache
