// SPDX-License-Identifier: Apache-2.0
#include "support/hostile_caches.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

#include "support/cache_image.hpp"

namespace nvhook::test {
namespace {

constexpr std::uint32_t kAll = 0xffffffff;
constexpr std::size_t kNameOfEntry = 4;
constexpr std::size_t kPathOfEntry = 8;
constexpr std::size_t kEntryBytes = 24;
constexpr std::size_t kByteOrder = 28;
constexpr std::uint64_t kInFolder = std::uint64_t{1} << 62U;

// In ldconfig's order, with a library that is the driver's by its name.
CacheImage honest() {
  CacheImage image;
  image.entries = {{"libz.so.1", "/lib/libz.so.1"},
                   {"libcuda.so.1", "/opt/image/libcuda.so.1"},
                   {"libc.so.6", "/lib/libc.so.6"}};
  return image;
}

CacheImage with_extensions() {
  auto image = honest();
  image.extensions = {{0, "ldconfig (GNU libc) stable release version 2.36"}};
  return image;
}

std::string with(std::string bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::size_t extensions_at(const std::string& bytes) { return number_at(bytes, kCacheExtensionsAt); }

HostileCaches with_count(const char* what, std::uint32_t count) {
  auto old_and_new = honest();
  old_and_new.old_entries = 0;
  constexpr std::size_t kOldBlock = 16;
  return {{what, with(honest_cache(), kCacheCount, count)},
          {std::string(what) + ", behind an old block",
           with(old_and_new.bytes(), kOldBlock + kCacheCount, count)}};
}

HostileCaches with_string(std::size_t field, std::initializer_list<std::uint32_t> offsets) {
  HostileCaches caches;
  for (const std::size_t entry : {0, 2})
    for (const auto offset : offsets)
      caches.push_back({"entry " + std::to_string(entry) + " at " + std::to_string(offset),
                        with(honest_cache(), kCacheEntries + entry * kEntryBytes + field, offset)});
  return caches;
}

std::string of(std::vector<CacheImage::Entry> entries) {
  CacheImage image;
  image.entries = std::move(entries);
  return image.bytes();
}

// So many entries that share their two strings.
std::string of_equal_entries(std::uint32_t count) {
  const auto one = of({{"libsame.so.1", "/opt/libsame.so.1"}});
  const auto entry = one.substr(kCacheEntries, kEntryBytes);
  const auto moved = static_cast<std::uint32_t>((count - 1) * kEntryBytes);
  auto shifted = with(entry, kNameOfEntry, number_at(entry, kNameOfEntry) + moved);
  shifted = with(shifted, kPathOfEntry, number_at(entry, kPathOfEntry) + moved);
  auto bytes = with(one.substr(0, kCacheEntries), kCacheCount, count);
  for (std::uint32_t i = 0; i < count; ++i) bytes += shifted;
  return bytes + one.substr(kCacheEntries + kEntryBytes);
}

}  // namespace

std::string honest_cache() { return honest().bytes(); }

HostileCaches caches_cut_short() {
  const auto whole = with_extensions().bytes();
  HostileCaches caches = {{"no bytes", "", CacheFate::Merged}};
  for (const std::size_t size : {1, 12, 19, 20, 24, 47, 48, 49, 120, 130})
    caches.push_back({std::to_string(size) + " bytes", whole.substr(0, size)});
  caches.push_back({"all but a byte", whole.substr(0, whole.size() - 1)});
  caches.push_back({"no cache at all", "#!/bin/sh\nexec /bin/sh\n"});
  caches.push_back({"zeros", std::string(4096, '\0')});
  return caches;
}

HostileCaches caches_of_endless_count() { return with_count("all bits", kAll); }

HostileCaches caches_of_wrapping_count() {
  // Times 24 that is 8 in 32 bits, and the other is 16 with the header.
  auto caches = with_count("24 times it wraps", 0x0aaaaaab);
  for (auto& cache : with_count("with the header it wraps", 0xaaaaaaa9))
    caches.push_back(std::move(cache));
  return caches;
}

HostileCaches caches_with_an_entry_too_many() { return with_count("4 of 3", 4); }

HostileCaches caches_with_names_outside() {
  const auto size = static_cast<std::uint32_t>(honest_cache().size());
  return with_string(kNameOfEntry, {0x7fffffff, kAll, 0x80000000, size, size + 1});
}

HostileCaches caches_with_paths_outside() {
  const auto size = static_cast<std::uint32_t>(honest_cache().size());
  return with_string(kPathOfEntry, {0xfffffff0, kAll, 0x80000000, size, size + 1});
}

HostileCaches caches_with_names_in_the_header() {
  auto caches = with_string(kNameOfEntry, {0, 20, 47, 48, 119});
  for (auto& cache : with_string(kPathOfEntry, {0, 20, 47, 48, 119}))
    caches.push_back(std::move(cache));
  return caches;
}

HostileCaches caches_with_strings_without_end() {
  const auto whole = honest_cache();
  const auto strings = number_at(whole, kCacheStringsSize);
  const auto cut = with(whole.substr(0, whole.size() - 1), kCacheStringsSize, strings - 1);
  const auto last = static_cast<std::uint32_t>(whole.size() - 1);
  return {{"the last one", cut},
          {"a name at the last byte", with(cut, kCacheEntries + kNameOfEntry, last - 1)},
          {"an empty name at the last byte", with(whole, kCacheEntries + kNameOfEntry, last),
           CacheFate::Merged},
          {"an empty path at the last byte", with(whole, kCacheEntries + kPathOfEntry, last),
           CacheFate::Merged}};
}

HostileCaches caches_with_endless_string_table() {
  const auto whole = honest_cache();
  const auto strings = number_at(whole, kCacheStringsSize);
  return {{"all bits", with(whole, kCacheStringsSize, kAll)},
          {"negative", with(whole, kCacheStringsSize, 0x80000000)},
          {"a byte more than there is", with(whole, kCacheStringsSize, strings + 1)},
          {"none", with(whole, kCacheStringsSize, 0)}};
}

HostileCaches caches_with_bad_extensions() {
  const auto whole = with_extensions().bytes();
  const auto at = extensions_at(whole);
  const auto size = static_cast<std::uint32_t>(whole.size());
  constexpr std::size_t kCount = 4;
  constexpr std::size_t kOffset = 16;
  constexpr std::size_t kSize = 20;
  auto folders = honest();
  folders.extensions = {{1, std::string("\xff\xff\xff\x7f\xff\xff\xff\xff", 8)}};
  auto named_by_magic = honest();
  named_by_magic.extensions = {{1, std::string("\0\0\0\0", 4)}};
  auto of_nobody = honest();
  of_nobody.extensions = {{0, "\x1b[31mred\n"}, {kAll, "of nobody"}};
  return {{"far outside", with(whole, kCacheExtensionsAt, 0xfffffff0)},
          {"at the end", with(whole, kCacheExtensionsAt, (size + 3) / 4 * 4)},
          {"not aligned", with(whole, kCacheExtensionsAt, static_cast<std::uint32_t>(at + 1))},
          {"in the header", with(whole, kCacheExtensionsAt, 4)},
          {"of another magic", with(whole, at, 0xeaa42175)},
          {"very many", with(whole, at + kCount, kAll)},
          {"more than there are", with(whole, at + kCount, 2)},
          {"a section far outside", with(whole, at + kOffset, 0xfffffff0)},
          {"a section beyond the end", with(whole, at + kSize, size)},
          {"a section whose end wraps", with(whole, at + kSize, kAll)},
          {"folders whose names are outside", folders.bytes()},
          {"folders named by the file's magic", named_by_magic.bytes()},
          {"sections that nobody knows", of_nobody.bytes(), CacheFate::Merged}};
}

HostileCaches caches_of_other_machines() {
  constexpr std::size_t kOldCount = 12;
  auto old_and_new = honest();
  old_and_new.old_entries = 2;
  const auto both = old_and_new.bytes();
  auto large = honest();
  large.byte_order = 3;
  auto foreign = honest();
  foreign.entries[1].flags = 0x0a03;  // AArch64
  foreign.entries[2].flags = 0x7fffffff;
  return {{"of big machines", large.bytes()},
          {"of an unknown order of bytes", with(honest_cache(), kByteOrder, 1)},
          {"libraries of other machines", foreign.bytes(), CacheFate::Merged},
          {"an old block", both, CacheFate::Merged},
          {"an old block of endless count", with(both, kOldCount, kAll)},
          {"an old block whose size wraps", with(both, kOldCount, 0x15555556)},
          {"an old block over the new one", with(both, kOldCount, 12)},
          {"an old block alone", both.substr(0, 40)},
          {"the old magic alone", both.substr(0, kOldCount)}};
}

HostileCaches caches_with_odd_entries() {
  constexpr std::uint32_t kMost = 65'536;
  const std::string long_path = "/" + std::string(70'000, 'x');
  return {{"100,000 equal entries", of_equal_entries(100'000)},
          {"as many as are taken", of_equal_entries(kMost)},  // there is no room for ours
          {"60,000 equal entries", of_equal_entries(60'000), CacheFate::Merged},
          {"a path of 70,000 bytes", of({{"libz.so.1", long_path}})},
          {"a name of 70,000 bytes", of({{long_path, "/lib/libz.so.1"}})},
          {"a relative path", of({{"libz.so.1", "../../../../etc/shadow"}}), CacheFate::Merged},
          {"a path upwards", of({{"libz.so.1", "/../../../../etc/shadow"}}), CacheFate::Merged},
          {"a name with slashes", of({{"../../etc/shadow", "/lib/libz.so.1"}}), CacheFate::Merged},
          {"control characters",
           of({{"lib\x1b[2Jz.so.1", "/lib/libz.so.1"},
               {"libz.so.1", "/lib/\nnvhook: E_BUG: forged\n"},
               {"lib\x7f.so.1", "/lib/\t"}}),
           CacheFate::Merged},
          {"nothing", of({{"", ""}}), CacheFate::Merged}};
}

HostileCaches caches_that_are_huge() {
  constexpr std::uintmax_t kMiB = 1U << 20U;
  const auto endless = with(honest_cache(), kCacheCount, 0x0fffffff);
  return {{"8 GiB, of a large count", endless, CacheFate::Left, 8192 * kMiB},
          {"8 GiB, sound at the start", honest_cache(), CacheFate::Left, 8192 * kMiB},
          {"a byte more than is read", honest_cache(), CacheFate::Left, 4 * kMiB + 1},
          {"as much as is read", honest_cache(), CacheFate::Merged, 4 * kMiB}};
}

HostileCaches caches_in_disorder(const std::vector<std::string>& names) {
  HostileCaches caches = {{"the wrong way round",
                           of({{"libc.so.6", "/lib/libc.so.6"},
                               {"libcuda.so.1", "/opt/image/libcuda.so.1"},
                               {"libz.so.1", "/lib/libz.so.1"}}),
                           CacheFate::Merged}};
  const auto add = [&](const char* what, CacheImage::Entry entry) {
    CacheImage image;
    for (const auto& name : names) {
      entry.name = name;
      entry.path = "/opt/image/" + name;
      image.entries.push_back(entry);
      entry.path = "/opt/other/" + name;
      image.entries.push_back(entry);
    }
    caches.push_back({what, image.bytes(), CacheFate::Merged});
  };
  add("the driver's names", {});
  add("the driver's names, for better processors", {.name = {}, .path = {}, .hwcap = ~kInFolder});
  add("the driver's names, in folders", {.name = {}, .path = {}, .hwcap = kInFolder});
  add("the driver's names, with greater flags", {.name = {}, .path = {}, .flags = 0x7f03});
  add("the driver's names, of any library", {.name = {}, .path = {}, .flags = 0x0301});
  return caches;
}

}  // namespace nvhook::test
