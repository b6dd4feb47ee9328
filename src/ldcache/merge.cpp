// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/merge.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/path.hpp"
#include "write.hpp"

namespace nvhook::ldcache {
namespace {

constexpr std::uint32_t kHwcapsTag = 1;
// Of an entry in a glibc-hwcaps folder: bit 62, below it the level of the instruction set in ten
// bits, and the number of the folder's name. Source: glibc, sysdeps/generic/dl-cache.h,
// dl_cache_hwcap_extension.
constexpr std::uint64_t kInFolder = std::uint64_t{1} << 62U;
constexpr std::uint64_t kFolderMask = 0xffffffff;
constexpr std::uint64_t kLevelMask = std::uint64_t{0x3ff} << 32U;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes a run of digits off the front. As glibc's int it overflows, and compilers let it wrap.
std::uint32_t take_number(std::string_view& text) {
  std::uint32_t value = 0;
  while (!text.empty() && is_digit(text.front())) {
    value = value * 10 + static_cast<std::uint32_t>(text.front() - '0');
    text.remove_prefix(1);
  }
  return value;
}

int first_of(std::string_view text) { return text.empty() ? 0 : text.front(); }

bool is_plain(std::string_view text) {
  constexpr unsigned char kDelete = 0x7f;
  return std::ranges::none_of(
      text, [](unsigned char c) { return c < static_cast<unsigned char>(' ') || c == kDelete; });
}

bool is_sound(const Entry& entry) {
  return !entry.name.empty() && !entry.name.contains('/') && is_plain(entry.name) &&
         entry.path.starts_with('/') && is_plain(entry.path);
}

std::optional<std::size_t> folder_of(const Entry& entry) {
  if ((entry.hwcap & ~(kFolderMask | kLevelMask)) != kInFolder) return std::nullopt;
  return entry.hwcap & kFolderMask;
}

// The loader would take it although ours stands before it, or it is what ours was before.
bool hides(const Entry& entry, std::span<const Library> ours) {
  return std::ranges::any_of(ours, [&](const Library& library) {
    return entry.name == library.name && fits(entry.flags, library.abi) &&
           (entry.hwcap != 0 || entry.path == library.path ||
            entry.flags > static_cast<std::int32_t>(library.abi));
  });
}

// The names of the glibc-hwcaps folders; nothing if one of them is none. Their positions count from
// the start of the file. (Those of a cache with an old block in front nobody can rely on: ldconfig
// counts them from the new part, the loader from the file.)
std::optional<std::vector<std::string_view>> folders_in(std::span<const std::byte> file,
                                                        const Cache& cache) {
  std::vector<std::string_view> names;
  const auto section = std::ranges::find(cache.extensions, kHwcapsTag, &Extension::tag);
  if (section == cache.extensions.end() || cache.layout != Layout::New) return names;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  ByteReader in(section->bytes);
  while (const auto position = in.take<std::uint32_t>()) {
    if (*position >= text.size()) return std::nullopt;
    const auto name = text.substr(*position, kMaxName + 1);
    const auto end = name.find('\0');
    if (end == name.npos || end == 0 || !is_plain(name.substr(0, end))) return std::nullopt;
    names.push_back(name.substr(0, end));
  }
  return names;
}

// The loader looks by halving, and ldconfig has the greatest name first.
bool comes_first(const Entry& left, const Entry& right) {
  const int names = compare_names(left.name, right.name);
  return names != 0 ? names > 0 : left.flags > right.flags;
}

}  // namespace

int compare_names(std::string_view left, std::string_view right) {
  while (!left.empty()) {
    const bool number = is_digit(left.front());
    const bool other_number = !right.empty() && is_digit(right.front());
    if (number != other_number) return number ? 1 : -1;
    if (number) {
      const auto difference = take_number(left) - take_number(right);
      if (difference != 0) return static_cast<std::int32_t>(difference);
    } else {
      if (left.front() != first_of(right)) break;
      left.remove_prefix(1);
      right.remove_prefix(1);
    }
  }
  return first_of(left) - first_of(right);
}

Result<std::string> merge(std::span<const std::byte> present, std::span<const Library> ours,
                          std::string_view generator) {
  Cache before;
  if (!present.empty()) {
    auto parsed = parse(present);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    before = std::move(*parsed);
  }
  const auto folders = folders_in(present, before);
  if (!folders) return failure(ErrorId::DriverRead, "ld.so.cache: a folder's name is none");

  std::vector<Entry> first;
  for (const auto& library : ours)
    first.push_back({library.name, library.path, static_cast<std::int32_t>(library.abi)});
  std::erase_if(before.entries, [&](const Entry& entry) {
    const auto folder = folder_of(entry);
    return !is_sound(entry) || hides(entry, ours) || (folder && *folder >= folders->size());
  });
  if (first.size() + before.entries.size() > kMaxEntries)
    return failure(ErrorId::DriverRead, "ld.so.cache: there is no room for more entries");
  std::ranges::stable_sort(first, comes_first);
  // That of ldconfig's is.
  if (!std::ranges::is_sorted(before.entries, comes_first))
    std::ranges::stable_sort(before.entries, comes_first);

  Contents after{
      .layout = before.layout, .entries = {}, .folders = *folders, .generator = generator};
  after.entries.reserve(first.size() + before.entries.size());
  std::ranges::merge(first, before.entries, std::back_inserter(after.entries), comes_first);
  auto bytes = write(after);
  if (bytes.empty() || bytes.size() > kMaxCacheBytes)
    return failure(ErrorId::DriverRead, "ld.so.cache: it would be larger than the limit");
  return bytes;
}

}  // namespace nvhook::ldcache
