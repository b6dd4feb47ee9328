// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/merge.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "support/cache_image.hpp"

namespace nvhook::ldcache {
namespace {

using test::CacheImage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kGenerator = "nvhook 0.0";
constexpr std::uint64_t kInFolder = std::uint64_t{1} << 62U;

const Library kCuda{"libcuda.so.1", "/usr/lib/libcuda.so.1", Abi::X86_64};
const Library kMl{"libnvidia-ml.so.1", "/usr/lib/libnvidia-ml.so.1", Abi::X86_64};

CacheImage of(std::vector<CacheImage::Entry> entries) {
  CacheImage image;
  image.entries = std::move(entries);
  return image;
}

std::string merged(const CacheImage& present, const std::vector<Library>& ours) {
  const auto bytes = present.bytes();
  const auto cache = merge(bytes_of(bytes), ours, kGenerator);
  EXPECT_TRUE(cache) << cache.error().text();
  return cache ? *cache : std::string();
}

Cache parsed(const std::string& bytes) {
  auto cache = parse(bytes_of(bytes));
  EXPECT_TRUE(cache) << cache.error().text();
  return cache ? *std::move(cache) : Cache{};
}

// "path" of each entry, in order.
std::vector<std::string> paths(const std::string& bytes) {
  std::vector<std::string> all;
  for (const auto& entry : parsed(bytes).entries) all.emplace_back(entry.path);
  return all;
}

std::string_view text_of(const Extension& extension) {
  return {reinterpret_cast<const char*>(extension.bytes.data()), extension.bytes.size()};
}

TEST(LdCacheMerge, MakesACacheOfOursAlone) {
  const auto bytes = merge({}, std::vector{kCuda, kMl}, kGenerator);

  ASSERT_TRUE(bytes);
  const auto cache = parsed(*bytes);
  EXPECT_EQ(cache.layout, Layout::New);
  EXPECT_THAT(paths(*bytes), ElementsAre(kMl.path, kCuda.path));
  EXPECT_EQ(cache.entries[0].name, kMl.name);
  EXPECT_EQ(cache.entries[0].flags, 0x0303);
  ASSERT_THAT(cache.extensions, SizeIs(1));
  EXPECT_EQ(text_of(cache.extensions[0]), kGenerator);
}

TEST(LdCacheMerge, PutsOursInOrderAmongThoseThatAreThere) {
  const auto bytes = merged(of({{"libz.so.1", "/lib/libz.so.1"},
                                {"libnvidia-ml.so.1", "/opt/libnvidia-ml.so.1"},
                                {"libc.so.6", "/lib/libc.so.6"}}),
                            {kMl, kCuda});

  EXPECT_THAT(paths(bytes), ElementsAre("/lib/libz.so.1", kMl.path, "/opt/libnvidia-ml.so.1",
                                        kCuda.path, "/lib/libc.so.6"));
}

// Given twice, it keeps that order: CUDA's own copy before the driver's.
TEST(LdCacheMerge, KeepsTheOrderAmongOurs) {
  const Library compat{"libcuda.so.1", "/usr/local/cuda/compat/libcuda.so.1", Abi::X86_64};

  EXPECT_THAT(paths(merged({}, {compat, kCuda})), ElementsAre(compat.path, kCuda.path));
}

TEST(LdCacheMerge, DropsWhatWouldHideOurs) {
  const auto bytes = merged(of({{"libcuda.so.1", "/usr/lib/libcuda.so.1"},
                                {"libcuda.so.1", "/opt/tls/libcuda.so.1", 0x0303, 1},
                                {"libcuda.so.1", "/opt/v3/libcuda.so.1", 0x0303, kInFolder},
                                {"libcuda.so.1", "/usr/lib32/libcuda.so.1", 0x0003},
                                {"libc.so.6", "/v3/libc.so.6", 0x0303, kInFolder}}),
                            {kCuda});

  EXPECT_THAT(paths(bytes), ElementsAre(kCuda.path, "/usr/lib32/libcuda.so.1"))
      << "and what is in a folder that has no name";
}

TEST(LdCacheMerge, IsTheSameWhenDoneTwice) {
  const auto once = merged(of({{"libc.so.6", "/lib/libc.so.6"}}), {kCuda, kMl});

  const auto twice = merge(bytes_of(once), std::vector{kCuda, kMl}, kGenerator);

  EXPECT_EQ(*twice, once);
}

// 32-bit libraries stand behind the 64-bit ones of their name.
TEST(LdCacheMerge, HasEachMachinesOwn) {
  const Library small{"libcuda.so.1", "/usr/lib32/libcuda.so.1", Abi::I386};

  const auto cache = merged({}, {small, kCuda});

  EXPECT_THAT(paths(cache), ElementsAre(kCuda.path, small.path));
}

TEST(LdCacheMerge, SortsWhatIsNotSorted) {
  const auto bytes = merged(of({{"liba.so.1", "/lib/liba.so.1"},
                                {"libfoo.so.2", "/lib/libfoo.so.2"},
                                {"libfoo.so.10", "/lib/libfoo.so.10"},
                                {"libz.so.1", "/lib/libz.so.1"}}),
                            {});

  EXPECT_THAT(paths(bytes), ElementsAre("/lib/libz.so.1", "/lib/libfoo.so.10", "/lib/libfoo.so.2",
                                        "/lib/liba.so.1"));
}

TEST(LdCacheMerge, DropsWhatIsUnsound) {
  const auto bytes = merged(of({{"liba.so.1", "../../../../etc/shadow"},
                                {"libb.so.1", "/lib/b\x1b[31m"},
                                {"libc\n.so.1", "/lib/libc.so.1"},
                                {"", "/lib/nothing"},
                                {"a/b", "/lib/a/b"},
                                {"libd.so.1", "/lib/libd.so.1"}}),
                            {});

  EXPECT_THAT(paths(bytes), ElementsAre("/lib/libd.so.1"));
}

TEST(LdCacheMerge, KeepsAnOldBlockInFront) {
  auto image = of({{"libc.so.6", "/lib/libc.so.6"}});
  image.old_entries = 3;

  const auto bytes = merged(image, {kCuda});

  EXPECT_EQ(parsed(bytes).layout, Layout::OldAndNew);
  EXPECT_THAT(paths(bytes), ElementsAre(kCuda.path, "/lib/libc.so.6"));
}

TEST(LdCacheMerge, FailsAsReadingFails) {
  const auto bytes = of({{"libc.so.6", "/lib/libc.so.6"}}).bytes();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto cut = merge(bytes_of(std::string_view(bytes).substr(0, size)), {}, kGenerator);
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().id(), ErrorId::DriverRead);
  }
}

// Entries may share a long path: a small cache must not become a large one.
TEST(LdCacheMerge, WritesEachStringOnce) {
  const std::string path = "/" + std::string(4000, 'x');
  CacheImage image;
  for (int i = 0; i < 1000; ++i) image.entries.push_back({"lib" + std::to_string(i), path});

  EXPECT_LT(merged(image, {kCuda}).size(), 120'000U);
}

TEST(LdCacheMerge, RefusesMoreThanItWouldRead) {
  CacheImage full;
  for (std::size_t i = 0; i < kMaxEntries; ++i) full.entries.push_back({"a", "/a"});
  const auto bytes = full.bytes();

  EXPECT_TRUE(merge(bytes_of(bytes), {}, kGenerator));
  EXPECT_FALSE(merge(bytes_of(bytes), std::vector{kCuda}, kGenerator));
}

// Each path is the end of another, so they share their bytes; written out they would take 30 MB.
TEST(LdCacheMerge, RefusesWhatItWouldHaveToWriteOut) {
  constexpr std::uint32_t kLongest = 4000;
  CacheImage image;
  for (std::uint32_t i = 0; i < kLongest; ++i) image.entries.push_back({"a", "/"});
  image.entries.push_back({"a", std::string(kLongest, '/')});
  auto bytes = image.bytes();
  const auto longest_at = static_cast<std::uint32_t>(bytes.size() - kLongest - 1);
  for (std::uint32_t i = 0; i < kLongest; ++i) {
    const auto path_at = longest_at + i;
    std::memcpy(&bytes[test::kCacheEntries + 24U * i + 8], &path_at, sizeof path_at);
  }

  const auto cache = merge(bytes_of(bytes), std::vector{kCuda}, kGenerator);

  ASSERT_FALSE(cache);
  EXPECT_THAT(cache.error().text(), ::testing::HasSubstr("limit"));
}

TEST(LdCacheNames, CompareAsTheLoaderCompares) {
  const struct {
    const char* less;
    const char* greater;
  } cases[] = {
      {"libfoo.so.1", "libfoo.so.2"},
      {"libfoo.so.2", "libfoo.so.10"},
      {"libfoo.so", "libfoo.so.1"},
      {"libc.so.6", "libcuda.so.1"},
      {"libfooa.so", "libfoo1.so"},
      {"", "a"},
      {"a", "1"},
      {"lib4294967297", "lib4294967298"},
      {"lib3000000000", "lib0"},  // wraps
  };
  for (const auto& [less, greater] : cases) {
    SCOPED_TRACE(std::string(less) + " " + greater);
    EXPECT_LT(compare_names(less, greater), 0);
    EXPECT_GT(compare_names(greater, less), 0);
    EXPECT_EQ(compare_names(less, less), 0);
  }
  EXPECT_EQ(compare_names("lib01", "lib1"), 0) << "the same number";
}

}  // namespace
}  // namespace nvhook::ldcache
