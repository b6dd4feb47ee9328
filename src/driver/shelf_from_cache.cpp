// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>

#include "driver/resolver.hpp"
#include "driver/shelf_filling.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/ldcache.hpp"

namespace nvhook::driver {
namespace {

struct Match {
  const ldcache::Entry* entry;
  Slot* slot;
};

Slot* slot_for(Shelf& shelf, const ldcache::Entry& entry) {
  const auto native =
      elf::native().machine == elf::Machine::AArch64 ? ldcache::Abi::AArch64 : ldcache::Abi::X86_64;
  if (ldcache::fits(entry.flags, native)) return shelf.find(entry.name, Abi::Native);
  if (ldcache::fits(entry.flags, ldcache::Abi::I386)) return shelf.find(entry.name, Abi::Compat32);
  return nullptr;
}

// What is considered first is taken. Files for any processor come before those for some (hwcap);
// the GL libraries last, because they are taken only where no GLVND vendor is.
int rank(const Match& match) {
  return (match.entry->hwcap != 0 ? 1 : 0) + (match.slot->row->rule == Rule::WithoutGlvnd ? 2 : 0);
}

}  // namespace

Result<void> fill_from_cache(Shelf& shelf, const LibrarySearch& search, std::string_view cache) {
  const auto parsed = ldcache::parse(bytes_of(cache));
  if (!parsed) return std::unexpected(parsed.error());

  std::vector<Match> matches;
  for (const auto& entry : parsed->entries)
    if (auto* slot = slot_for(shelf, entry)) matches.push_back({&entry, slot});
  std::ranges::stable_sort(matches, {}, rank);

  auto& resolver = search.resolver;
  for (const auto& [entry, slot] : matches) {
    // "libcuda.so" comes behind "libcuda.so.1" and tells nothing new.
    if (slot->taken && !entry->name.contains(".so.")) continue;
    const auto path = HostPath::parse(entry->path);
    if (!path) continue;  // nothing that ldconfig writes
    const auto file = Shelf::looks_into(*slot)
                          ? resolver.open(*path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
                          : resolver.look_at(*path);
    if (!file && !leads_nowhere(file.error()))
      return std::unexpected(Error(file.error()).within("named in ld.so.cache"));
    if (!file) {
      shelf.leave_out({search.root_path + path->value},
                      "named in ld.so.cache, but: " + file.error().code().message());
      continue;
    }
    if (auto done = shelf.consider(*slot, {.file = *file, .name = entry->name}); !done) return done;
  }
  return {};
}

}  // namespace nvhook::driver
