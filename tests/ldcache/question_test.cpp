// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/question.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/byte_writer.hpp"
#include "nvhook/ldcache/ldcache.hpp"
#include "support/cache_image.hpp"

namespace nvhook::ldcache {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;

const std::vector<Library> kOurs = {
    {"libcuda.so.1", "/ours/libcuda.so.1", Abi::X86_64},
    {"libnvidia-ml.so.1", "/ours/libnvidia-ml.so.1", Abi::X86_64},
    {"libcuda.so.1", "/ours32/libcuda.so.1", Abi::I386},
};

std::string image() {
  test::CacheImage image;
  image.entries = {{"libz.so.1", "/lib/libz.so.1"}, {"libc.so.6", "/lib/libc.so.6"}};
  return image.bytes();
}

std::string answered(const std::string& question) {
  auto bytes = answer(question);
  EXPECT_TRUE(bytes) << bytes.error().text();
  return bytes ? *std::move(bytes) : std::string();
}

ErrorId refused(std::string_view question) {
  const auto bytes = answer(question);
  EXPECT_FALSE(bytes);
  return bytes ? ErrorId{} : bytes.error().id();
}

TEST(Question, AboutACacheIsAnsweredByWhatIsMerged) {
  const auto present = image();

  const auto bytes = answered(ask(FileKind::Cache, kOurs, present));

  EXPECT_EQ(bytes, merge(bytes_of(present), kOurs, "nvhook").value());
  const auto cache = parse(bytes_of(bytes));
  ASSERT_TRUE(cache) << cache.error().text();
  std::vector<std::string_view> paths;
  for (const auto& entry : cache->entries) paths.push_back(entry.path);
  EXPECT_THAT(paths, ElementsAre("/lib/libz.so.1", "/ours/libnvidia-ml.so.1", "/ours/libcuda.so.1",
                                 "/ours32/libcuda.so.1", "/lib/libc.so.6"));
}

TEST(Question, AboutNoCacheIsAnsweredByOneOfOursAlone) {
  const auto bytes = answered(ask(FileKind::Cache, kOurs, {}));

  EXPECT_EQ(parse(bytes_of(bytes))->entries.size(), kOurs.size());
}

TEST(Question, AboutAListOfDirectoriesIsAnsweredByThoseOfTheLibraries) {
  EXPECT_EQ(answered(ask(FileKind::MuslPath, kOurs, "/opt/lib")), "/opt/lib\n/ours\n/ours32\n");
  EXPECT_EQ(answered(ask(FileKind::MuslPath, {}, "/opt/lib")), "/opt/lib");
}

TEST(Question, AboutADamagedCacheSaysSo) {
  EXPECT_EQ(refused(ask(FileKind::Cache, kOurs, "no cache at all")), ErrorId::DriverRead);
  const auto present = image();
  EXPECT_EQ(refused(ask(FileKind::Cache, kOurs, present.substr(0, present.size() - 1))),
            ErrorId::DriverRead);
}

TEST(Question, ThatIsCutShortOrTooLongIsNone) {
  for (const auto kind : {FileKind::Cache, FileKind::MuslPath}) {
    const auto question = ask(kind, kOurs, kind == FileKind::Cache ? image() : "/lib\n");
    for (std::size_t size = 0; size < question.size(); ++size) {
      // A copy of exactly this size, so that a sanitizer sees a read past its end.
      const std::vector<char> cut(question.data(), question.data() + size);
      EXPECT_EQ(refused({cut.data(), cut.size()}), ErrorId::Bug) << size;
    }
    EXPECT_EQ(refused(question + 'x'), ErrorId::Bug);
  }
}

TEST(Question, WithAFlippedBitIsAnsweredOrRefused) {
  for (const auto kind : {FileKind::Cache, FileKind::MuslPath}) {
    const auto question = ask(kind, kOurs, kind == FileKind::Cache ? image() : "/lib\n");
    for (std::size_t at = 0; at < question.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        auto flipped = question;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
        const auto bytes = answer(flipped);
        if (bytes) continue;
        EXPECT_THAT(bytes.error().id(), AnyOf(ErrorId::Bug, ErrorId::DriverRead)) << at;
      }
  }
}

TEST(Question, OfAnotherKindIsNone) {
  auto question = ask(FileKind::MuslPath, kOurs, "/lib\n");
  question[0] = 2;

  EXPECT_EQ(refused(question), ErrorId::Bug);
}

TEST(Question, WithMoreLibrariesThanACacheHasIsNone) {
  const std::vector<Library> most(kMaxEntries, kOurs[0]);
  EXPECT_TRUE(answer(ask(FileKind::MuslPath, most, "/lib")));

  const std::vector<Library> too_many(kMaxEntries + 1, kOurs[0]);
  EXPECT_EQ(refused(ask(FileKind::MuslPath, too_many, "/lib")), ErrorId::Bug);

  ByteWriter claims;
  claims.put(FileKind::Cache);
  claims.put(std::uint32_t{0xffffffff});
  EXPECT_EQ(refused(std::move(claims).take()), ErrorId::Bug);
}

TEST(Question, WithATextLongerThanItIsNone) {
  ByteWriter claims;
  claims.put(FileKind::Cache);
  claims.put(std::uint32_t{1});
  claims.put(std::uint32_t{0xffffffff});

  EXPECT_EQ(refused(std::move(claims).take() + "libcuda.so.1"), ErrorId::Bug);
}

TEST(Question, AboutALibraryWithoutADirectoryIsNone) {
  for (const auto kind : {FileKind::Cache, FileKind::MuslPath})
    for (const auto* path : {"", "libcuda.so.1", "ours/libcuda.so.1"})
      EXPECT_EQ(refused(ask(kind, std::vector<Library>{{"libcuda.so.1", path, Abi::X86_64}}, {})),
                ErrorId::Bug)
          << path;
}

}  // namespace
}  // namespace nvhook::ldcache
