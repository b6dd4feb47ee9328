// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nvhook::test {

// What is to come of an ld.so.cache that somebody made up.
enum class CacheFate {
  Merged,     // it makes sense: its sound entries stay
  Exchanged,  // it makes none: the new one has the driver's libraries alone, and a warning is due
  Left,       // it is too large to be read: it stays, and a warning is due
};

struct HostileCache {
  std::string what;
  std::string bytes;
  CacheFate fate = CacheFate::Exchanged;
  std::uintmax_t size = 0;  // of the file, with a hole behind the bytes; 0: of the bytes
};
using HostileCaches = std::vector<HostileCache>;

// Rows of docs/attacks.md, a function each.
[[nodiscard]] HostileCaches caches_cut_short();                  // L-01
[[nodiscard]] HostileCaches caches_of_endless_count();           // L-02
[[nodiscard]] HostileCaches caches_of_wrapping_count();          // L-03
[[nodiscard]] HostileCaches caches_with_an_entry_too_many();     // L-04
[[nodiscard]] HostileCaches caches_with_names_outside();         // L-05
[[nodiscard]] HostileCaches caches_with_paths_outside();         // L-06
[[nodiscard]] HostileCaches caches_with_names_in_the_header();   // L-07
[[nodiscard]] HostileCaches caches_with_strings_without_end();   // L-08
[[nodiscard]] HostileCaches caches_with_endless_string_table();  // L-09
[[nodiscard]] HostileCaches caches_with_bad_extensions();        // L-10
[[nodiscard]] HostileCaches caches_of_other_machines();          // L-11
[[nodiscard]] HostileCaches caches_with_odd_entries();           // L-12
[[nodiscard]] HostileCaches caches_that_are_huge();              // L-13
// `names` are those that the driver's libraries have.
[[nodiscard]] HostileCaches caches_in_disorder(const std::vector<std::string>& names);  // L-14

// An honest one, for files that are attacked by other means than their bytes.
[[nodiscard]] std::string honest_cache();

}  // namespace nvhook::test
