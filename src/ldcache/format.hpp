// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

// The file, in the byte order of the machine that wrote it. Source: glibc, sysdeps/generic/
// dl-cache.h (struct cache_file, cache_file_new, cache_extension).
//
//   old block, only in front of the new part, its contents are of no use to us
//     0   "ld.so-1.7.0\0"
//     12  u32 count
//     16  count * {i32 flags, u32 name, u32 path}
//         padding to the new part's alignment
//   new part; positions count from its start, strings lie in its string table
//     0   "glibc-ld.so.cache1.1"
//     20  u32 count, u32 bytes of strings
//     28  u8 byte order (0 unknown, 2 little, 3 big), 3 * 0
//     32  u32 position of the extension directory in the whole file, or 0
//     36  12 * 0
//     48  count * {i32 flags, u32 name, u32 path, u32 os version, u64 hwcap}
//         strings
//   extension directory, aligned to 4
//     0   u32 magic, u32 count
//     8   count * {u32 tag, u32 flags, u32 position in the whole file, u32 bytes}
namespace nvhook::ldcache {

static_assert(std::endian::native == std::endian::little, "fields are copied as they are");

inline constexpr std::string_view kOldMagic = "ld.so-1.7.0";
inline constexpr std::string_view kNewMagic = "glibc-ld.so.cache1.1";
inline constexpr std::uint32_t kExtensionMagic = 0xeaa42174;
inline constexpr std::uint8_t kOrderUnknown = 0;
inline constexpr std::uint8_t kOrderLittle = 2;
inline constexpr std::uint8_t kOrderMask = 3;

struct OldHeader {
  std::array<char, 12> magic;
  std::uint32_t count;
};
static_assert(sizeof(OldHeader) == 16);

inline constexpr std::size_t kOldEntryBytes = 12;

struct Header {
  std::array<char, 20> magic;
  std::uint32_t count;
  std::uint32_t strings_size;  // bytes
  std::uint8_t byte_order;
  std::array<std::uint8_t, 3> padding;
  std::uint32_t extensions_at;
  std::array<std::uint32_t, 3> unused;
};
static_assert(sizeof(Header) == 48);

struct RawEntry {
  std::int32_t flags;
  std::uint32_t name;
  std::uint32_t path;
  std::uint32_t os_version;
  std::uint64_t hwcap;
};
static_assert(sizeof(RawEntry) == 24);

struct RawExtension {
  std::uint32_t tag;
  std::uint32_t flags;
  std::uint32_t offset;
  std::uint32_t size;
};
static_assert(sizeof(RawExtension) == 16);

}  // namespace nvhook::ldcache
