// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::ldcache {

// Largest cache that is read. A full desktop's is 200 KiB.
inline constexpr std::size_t kMaxCacheBytes = std::size_t{4} << 20U;

// Most entries that are taken. A full desktop's cache has 6000.
inline constexpr std::size_t kMaxEntries = 65536;

// One library of the cache. Views borrow from the parsed bytes.
struct Entry {
  std::string_view name;   // what the loader asks for, mostly a SONAME
  std::string_view path;   // absolute
  std::int32_t flags = 0;  // low byte: library type; high byte: machine, see Abi
  std::uint32_t os_version = 0;
  std::uint64_t hwcap = 0;
};

// The flags of a library that a glibc program of that machine loads: type 3 (libc6) and the
// machine in the high byte. Source: glibc, sysdeps/generic/ldconfig.h FLAG_*.
enum class Abi : std::int32_t {
  I386 = 0x0003,
  X86_64 = 0x0303,
  AArch64 = 0x0a03,
};

// Whether a glibc program of that machine loads an entry with these flags. Type 1 (ELF, libc not
// known) counts too: i386 libraries that need no libc have it, and their loader takes them.
[[nodiscard]] bool fits(std::int32_t flags, Abi abi);

// A section of the extension directory (glibc 2.33 and later). Views borrow.
struct Extension {
  std::uint32_t tag = 0;  // 0: generator text, 1: names of glibc-hwcaps folders
  std::uint32_t flags = 0;
  std::span<const std::byte> bytes;
};

enum class Layout : std::uint8_t {
  New,        // "glibc-ld.so.cache1.1" alone: glibc 2.32 and later, and Debian's 2.31
  OldAndNew,  // behind an old block, "ld.so-1.7.0": what glibc 2.2 to 2.31 write
};

struct Cache {
  Layout layout = Layout::New;
  std::vector<Entry> entries;  // in file order, which is the loader's order of preference
  std::vector<Extension> extensions;
};

// Parses an ld.so.cache of any layout in use: new, old block in front, with or without extensions.
// The bytes are untrusted; time is linear in their number. One bad entry fails the whole parse: a
// string outside the string table, without an end, or longer than the kernel's limit for a name or
// path. At most kMaxCacheBytes and kMaxEntries.
// Fails with E_DRIVER_READ: damaged, of the other byte order, or the old layout alone.
[[nodiscard]] Result<Cache> parse(std::span<const std::byte> file);

}  // namespace nvhook::ldcache
