// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nvhook::test {

// An ld.so.cache built by hand, valid unless a field says otherwise. (The real ldconfig is no
// source for every layout: that of glibc 2.36 corrupts its heap under "-c compat" with hwcaps.)
struct CacheImage {
  struct Entry {
    std::string name;
    std::string path;
    std::int32_t flags = 0x0303;  // libc6, x86-64
    std::uint64_t hwcap = 0;
  };
  struct Extension {
    std::uint32_t tag = 0;
    std::string bytes;
  };

  std::vector<Entry> entries;
  std::vector<Extension> extensions;
  std::optional<std::uint32_t> old_entries;  // an old block of so many entries in front
  std::size_t align = 8;                     // of the new part behind it
  std::uint8_t byte_order = 2;               // little

  [[nodiscard]] std::string bytes() const;
};

// Where things lie in an image without an old block, for tests that damage it.
inline constexpr std::size_t kCacheCount = 20;
inline constexpr std::size_t kCacheStringsSize = 24;
inline constexpr std::size_t kCacheExtensionsAt = 32;
inline constexpr std::size_t kCacheEntries = 48;  // of 24 bytes: name at 4, path at 8

}  // namespace nvhook::test
