// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/ldcache.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <utility>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/path.hpp"
#include "support/cache_image.hpp"

namespace nvhook::ldcache {
namespace {

using test::CacheImage;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const CacheImage kTwo{.entries = {{"libb.so.1", "/usr/lib/libb.so.1"},
                                  {"liba.so.2", "/usr/lib32/liba.so.2", 0x0003, 7}},
                      .extensions = {},
                      .old_entries = {}};

template <class T>
std::string with(std::string bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

std::string why_refused(const std::string& bytes) {
  const auto cache = parse(bytes_of(bytes));
  if (cache) return "accepted";
  EXPECT_EQ(cache.error().id(), ErrorId::DriverRead);
  return cache.error().text();
}

void expect_two(const Cache& cache) {
  ASSERT_THAT(cache.entries, SizeIs(2));
  EXPECT_EQ(cache.entries[0].name, "libb.so.1");
  EXPECT_EQ(cache.entries[0].path, "/usr/lib/libb.so.1");
  EXPECT_EQ(cache.entries[0].flags, 0x0303);
  EXPECT_EQ(cache.entries[1].name, "liba.so.2");
  EXPECT_EQ(cache.entries[1].path, "/usr/lib32/liba.so.2");
  EXPECT_EQ(cache.entries[1].flags, 0x0003);
  EXPECT_EQ(cache.entries[1].hwcap, 7U);
}

TEST(LdCache, ReadsTheNewLayoutInFileOrder) {
  const auto bytes = kTwo.bytes();

  const auto cache = parse(bytes_of(bytes));

  ASSERT_TRUE(cache) << cache.error().text();
  EXPECT_EQ(cache->layout, Layout::New);
  EXPECT_THAT(cache->extensions, IsEmpty());
  expect_two(*cache);
}

TEST(LdCache, SkipsAnOldBlockOfAnyPadding) {
  for (const std::uint32_t count : {0U, 1U, 2U, 3U}) {
    for (const std::size_t align : {std::size_t{8}, std::size_t{4}}) {
      auto image = kTwo;
      image.old_entries = count;
      image.align = align;
      image.extensions = {{0, "made by hand"}};
      const auto bytes = image.bytes();

      const auto cache = parse(bytes_of(bytes));

      ASSERT_TRUE(cache) << cache.error().text() << " with " << count << ", " << align;
      EXPECT_EQ(cache->layout, Layout::OldAndNew);
      EXPECT_THAT(cache->extensions, SizeIs(1));
      expect_two(*cache);
    }
  }
}

TEST(LdCache, ReadsTheExtensions) {
  auto image = kTwo;
  image.extensions = {{0, "ldconfig (by hand)"}, {1, std::string(8, '\1')}};
  const auto bytes = image.bytes();

  const auto cache = parse(bytes_of(bytes));

  ASSERT_TRUE(cache) << cache.error().text();
  ASSERT_THAT(cache->extensions, SizeIs(2));
  EXPECT_EQ(cache->extensions[0].tag, 0U);
  EXPECT_THAT(cache->extensions[0].bytes, SizeIs(18));
  EXPECT_EQ(cache->extensions[1].tag, 1U);
  EXPECT_THAT(cache->extensions[1].bytes, SizeIs(8));
}

TEST(LdCache, ReadsAStringThatIsTheTailOfAnother) {
  const auto good = kTwo.bytes();
  const std::uint32_t path = 48 + 2 * 24 + 10;  // behind "libb.so.1"

  const auto bytes = with(good, test::kCacheEntries + 4, path + 9);  // behind "/usr/lib/"
  const auto cache = parse(bytes_of(bytes));

  ASSERT_TRUE(cache) << cache.error().text();
  expect_two(*cache);
}

TEST(LdCache, TakesAFileThatDoesNotTellItsByteOrder) {
  auto image = kTwo;
  image.byte_order = 0;  // before glibc 2.33

  EXPECT_EQ(why_refused(image.bytes()), "accepted");
}

TEST(LdCache, RefusesAnotherByteOrder) {
  for (const auto order : {std::uint8_t{1}, std::uint8_t{3}}) {
    auto image = kTwo;
    image.byte_order = order;
    EXPECT_THAT(why_refused(image.bytes()), HasSubstr("byte order"));
  }
}

TEST(LdCache, RefusesWhatIsNoCacheOfToday) {
  const auto old_block = CacheImage{.entries = {}, .extensions = {}, .old_entries = 1}.bytes();

  EXPECT_THAT(why_refused(""), HasSubstr("bad magic"));
  EXPECT_THAT(why_refused("glibc-ld.so.cache1.1"), HasSubstr("shorter"));
  EXPECT_THAT(why_refused("glibc-ld.so.cache1.2" + std::string(64, '\0')), HasSubstr("bad magic"));
  EXPECT_THAT(why_refused(old_block.substr(0, 28)), HasSubstr("only the old layout"));
}

TEST(LdCache, RefusesEveryShorterPartOfItself) {
  auto image = kTwo;
  image.extensions = {{0, "made by hand"}};
  const auto good = image.bytes();

  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(why_refused(good.substr(0, size)), "accepted") << size;
}

TEST(LdCache, RefusesCountsThatTheFileCannotHold) {
  const auto good = kTwo.bytes();

  // 0x0aaaaaab entries of 24 bytes wrap around 32 bits; 6 would start in the strings.
  for (const std::uint32_t count : {0xffffffffU, 0x0aaaaaabU, 6U})
    EXPECT_THAT(why_refused(with(good, test::kCacheCount, count)), HasSubstr("entry count"));
  EXPECT_THAT(why_refused(with(good, test::kCacheStringsSize, 0xffffffffU)),
              HasSubstr("string table is past the end"));
}

TEST(LdCache, RefusesMoreEntriesThanTheLimit) {
  CacheImage image{.entries = {}, .extensions = {}, .old_entries = {}};
  image.entries.assign(65537, {"a", "/a"});

  EXPECT_THAT(why_refused(image.bytes()), HasSubstr("limit"));
}

TEST(LdCache, RefusesAnOldBlockThatTheFileCannotHold) {
  auto image = kTwo;
  image.old_entries = 1;
  const auto good = image.bytes();

  // 0x15555556 entries of 12 bytes wrap around 32 bits.
  for (const std::uint32_t count : {0xffffffffU, 0x15555556U})
    EXPECT_THAT(why_refused(with(good, 12, count)), HasSubstr("old block"));
}

TEST(LdCache, RefusesStringsOutsideTheirTable) {
  const auto good = kTwo.bytes();

  for (const std::size_t field : {4, 8})
    for (const std::uint32_t at : {0xffffffffU, 0x7fffffffU, 0xfffffff0U, 0U, 48U, 95U,
                                   static_cast<std::uint32_t>(good.size())})
      EXPECT_THAT(why_refused(with(good, test::kCacheEntries + field, at)),
                  HasSubstr("outside the string table"))
          << field << " " << at;
}

TEST(LdCache, RefusesALastStringWithoutItsEnd) {
  auto bytes = kTwo.bytes();
  bytes.back() = 'x';

  EXPECT_THAT(why_refused(bytes), HasSubstr("outside the string table"));
}

TEST(LdCache, RefusesNamesAndPathsThatNoFileCanHave) {
  const auto entry = [](std::size_t name, std::size_t path) {
    return CacheImage{.entries = {{std::string(name, 'n'), std::string(path, 'p')}},
                      .extensions = {},
                      .old_entries = {}}
        .bytes();
  };

  EXPECT_EQ(why_refused(entry(kMaxName, kMaxPath)), "accepted");
  EXPECT_THAT(why_refused(entry(kMaxName + 1, kMaxPath)), HasSubstr("too long"));
  EXPECT_THAT(why_refused(entry(kMaxName, kMaxPath + 1)), HasSubstr("too long"));
}

TEST(LdCache, RefusesADamagedExtensionDirectory) {
  auto image = kTwo;
  image.extensions = {{0, "made by hand"}};
  const auto good = image.bytes();
  std::uint32_t at = 0;
  std::memcpy(&at, good.data() + test::kCacheExtensionsAt, sizeof at);

  const auto moved = [&](std::uint32_t to) { return with(good, test::kCacheExtensionsAt, to); };
  EXPECT_THAT(why_refused(moved(0xfffffffcU)), HasSubstr("outside the file"));
  EXPECT_THAT(why_refused(moved(at + 1)), HasSubstr("not aligned"));
  EXPECT_THAT(why_refused(with(good, at, 0U)), HasSubstr("bad magic"));
  EXPECT_THAT(why_refused(with(good, at + 4, 0xffffffffU)), HasSubstr("too many extensions"));
  EXPECT_THAT(why_refused(with(good, at + 4, 3U)), HasSubstr("outside the file"));
  EXPECT_THAT(why_refused(with(good, at + 16, 0xffffffffU)), HasSubstr("outside the file"));
  EXPECT_THAT(why_refused(with(good, at + 20, 0xffffffffU)), HasSubstr("outside the file"));
}

TEST(LdCache, RefusesMoreBytesThanTheLimit) {
  EXPECT_THAT(why_refused(std::string(kMaxCacheBytes + 1, '\0')), HasSubstr("limit"));
}

TEST(Flags, FitTheMachineTheyName) {
  EXPECT_TRUE(fits(0x0303, Abi::X86_64));
  EXPECT_TRUE(fits(0x0003, Abi::I386));
  EXPECT_TRUE(fits(0x0001, Abi::I386));
  EXPECT_TRUE(fits(0x0a03, Abi::AArch64));

  EXPECT_FALSE(fits(0x0003, Abi::X86_64));
  EXPECT_FALSE(fits(0x0803, Abi::X86_64));  // x32
  EXPECT_FALSE(fits(0x0303, Abi::I386));
  EXPECT_FALSE(fits(0x0302, Abi::X86_64));  // libc5
}

}  // namespace
}  // namespace nvhook::ldcache
