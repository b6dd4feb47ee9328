// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/ldcache.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "format.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/path.hpp"

namespace nvhook::ldcache {
namespace {

constexpr std::size_t kMaxExtensions = 64;  // glibc 2.36 writes two

using Bytes = std::span<const std::byte>;

std::unexpected<Error> malformed(std::string_view what) {
  return failure(ErrorId::DriverRead, "ld.so.cache: " + std::string(what));
}

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// Where the new part starts behind the old block. Its alignment is that of a 64-bit number on the
// machine that wrote it: 8, on i386 4.
Result<std::size_t> skip_old_block(Bytes file) {
  ByteReader in(file);
  const auto header = in.take<OldHeader>();
  if (!header) return malformed("shorter than the header of its old block");
  if (header->count > in.remaining() / kOldEntryBytes)
    return malformed("count of the old block is past the end");
  const auto end = sizeof(OldHeader) + header->count * kOldEntryBytes;
  for (const std::size_t align : {8, 4}) {
    const auto at = (end + align - 1) / align * align;
    if (at <= file.size() && starts_with(file.subspan(at), kNewMagic)) return at;
  }
  return malformed("only the old layout, of before glibc 2.2");
}

// The NUL-terminated string at `position` of the new part, which must lie within its string table.
// Reads at most `longest` bytes and the NUL: many entries may share one endless string.
std::optional<std::string_view> string_at(Bytes part, std::size_t table_at, std::size_t table_end,
                                          std::uint32_t position, std::size_t longest) {
  if (position < table_at || position >= table_end) return std::nullopt;
  const auto* start = reinterpret_cast<const char*>(part.data()) + position;
  const auto room = std::min(table_end - position, longest + 1);
  const void* end = std::memchr(start, '\0', room);
  if (end == nullptr) return std::nullopt;
  return std::string_view(start, static_cast<std::size_t>(static_cast<const char*>(end) - start));
}

Result<std::vector<Extension>> parse_extensions(Bytes file, std::uint32_t at) {
  if (at % 4 != 0) return malformed("extension directory is not aligned");
  if (at > file.size()) return malformed("extension directory outside the file");
  ByteReader in(file.subspan(at));
  const auto magic = in.take<std::uint32_t>();
  const auto count = in.take<std::uint32_t>();
  if (!magic || !count) return malformed("extension directory outside the file");
  if (*magic != kExtensionMagic) return malformed("extension directory has a bad magic");
  if (*count > kMaxExtensions) return malformed("too many extensions");
  std::vector<Extension> extensions;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto raw = in.take<RawExtension>();
    if (!raw) return malformed("extension directory outside the file");
    if (raw->offset > file.size() || raw->size > file.size() - raw->offset)
      return malformed("extension outside the file");
    extensions.push_back({raw->tag, raw->flags, file.subspan(raw->offset, raw->size)});
  }
  return extensions;
}

Result<Cache> parse_new_part(Bytes file, std::size_t at, Layout layout) {
  const auto part = file.subspan(at);
  ByteReader in(part);
  const auto header = in.take<Header>();
  if (!header) return malformed("shorter than its header");
  if (header->byte_order != kOrderUnknown && (header->byte_order & kOrderMask) != kOrderLittle)
    return malformed("of another byte order");
  if (header->count > kMaxEntries || header->count > in.remaining() / sizeof(RawEntry))
    return malformed("entry count is past the end, or above the limit");
  const auto table_at = sizeof(Header) + header->count * sizeof(RawEntry);
  if (header->strings_size > part.size() - table_at)
    return malformed("string table is past the end");
  const auto table_end = table_at + header->strings_size;

  Cache cache{.layout = layout, .entries = {}, .extensions = {}};
  cache.entries.reserve(header->count);
  for (std::uint32_t i = 0; i < header->count; ++i) {
    const auto raw = in.take<RawEntry>();
    if (!raw) return malformed("entry is past the end");
    const auto name = string_at(part, table_at, table_end, raw->name, kMaxName);
    const auto path = string_at(part, table_at, table_end, raw->path, kMaxPath);
    if (!name || !path) return malformed("name or path outside the string table, or too long");
    cache.entries.push_back({*name, *path, raw->flags, raw->os_version, raw->hwcap});
  }
  if (header->extensions_at != 0) {
    auto extensions = parse_extensions(file, header->extensions_at);
    if (!extensions) return std::unexpected(std::move(extensions).error());
    cache.extensions = *std::move(extensions);
  }
  return cache;
}

}  // namespace

bool fits(std::int32_t flags, Abi abi) {
  constexpr std::int32_t kMachine = 0xff00;
  constexpr std::int32_t kElf = 0x0001;
  const auto wanted = static_cast<std::int32_t>(abi);
  return (flags & kElf) != 0 && (flags & kMachine) == (wanted & kMachine);
}

Result<Cache> parse(std::span<const std::byte> file) {
  if (file.size() > kMaxCacheBytes) return malformed("larger than the limit");
  if (starts_with(file, kNewMagic)) return parse_new_part(file, 0, Layout::New);
  if (!starts_with(file, kOldMagic)) return malformed("bad magic");
  const auto at = skip_old_block(file);
  if (!at) return std::unexpected(at.error());
  return parse_new_part(file, *at, Layout::OldAndNew);
}

}  // namespace nvhook::ldcache
