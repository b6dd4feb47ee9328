// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/musl_path.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace nvhook::ldcache {
namespace {

using namespace std::string_view_literals;

std::string extended(std::string_view present,
                     const std::vector<std::string_view>& directories = {"/ours"}) {
  return extend_musl_path(present, directories);
}

TEST(MuslPath, HasWhatMuslLooksIntoWithoutOne) {
  EXPECT_EQ(extended(""), "/lib\n/usr/local/lib\n/usr/lib\n/ours\n");
}

TEST(MuslPath, NeedNotNameWhatMuslLooksIntoAnyway) {
  EXPECT_EQ(extended("", {"/usr/lib"}), "/lib\n/usr/local/lib\n/usr/lib\n");
}

TEST(MuslPath, KeepsWhatIsThereAndHasOursBehindIt) {
  const struct {
    std::string_view present;
    std::string_view expected;
  } cases[] = {
      {"/lib\n/opt/lib\n", "/lib\n/opt/lib\n/ours\n"},
      {"/lib\n/opt/lib", "/lib\n/opt/lib\n/ours\n"},
      {"/lib:/opt/lib", "/lib:/opt/lib\n/ours\n"},
      {"/lib:/opt/lib:", "/lib:/opt/lib:/ours\n"},
      {"\n", "\n/ours\n"},
      {":", ":/ours\n"},
      {"\n\n/lib\n\n", "\n\n/lib\n\n/ours\n"},
      {"no path at all", "no path at all\n/ours\n"},
      {"\x01\xff\x7f", "\x01\xff\x7f\n/ours\n"},
      {"/lib\r\n", "/lib\r\n/ours\n"},
  };
  for (const auto& test : cases) EXPECT_EQ(extended(test.present), test.expected) << test.present;
}

TEST(MuslPath, HasEachDirectoryOnce) {
  for (const auto* present : {"/ours", "/ours\n", "/ours:/lib", "/lib:/ours", "/lib\n/ours\n/x\n"})
    EXPECT_EQ(extended(present), present);
  EXPECT_EQ(extended("/lib\n", {"/a", "/lib", "/b", "/a"}), "/lib\n/a\n/b\n");
}

TEST(MuslPath, TellsDirectoriesWithTheSameStartApart) {
  EXPECT_EQ(extended("/ours/deep\n/ours2:/x/ours\n"), "/ours/deep\n/ours2:/x/ours\n/ours\n");
}

TEST(MuslPath, IsTheSameWhenItIsExtendedAgain) {
  for (const auto present : {""sv, "/lib"sv, ":"sv, "/lib\0/x"sv}) {
    const auto once = extended(present, {"/a", "/b"});
    EXPECT_EQ(extended(once, {"/a", "/b"}), once);
  }
}

// musl takes the file for a string: what is behind a NUL, it does not see.
TEST(MuslPath, EndsWhereTheLoaderReadsNoFurther) {
  EXPECT_EQ(extended("/lib\0/ours\n"sv), "/lib\n/ours\n");
  EXPECT_EQ(extended("\0/ours"sv), "/ours\n");
}

TEST(MuslPath, OfNoDirectoriesIsWhatItWas) {
  EXPECT_EQ(extended("/lib", {}), "/lib");
  EXPECT_EQ(extended("", {}), "/lib\n/usr/local/lib\n/usr/lib\n");
}

}  // namespace
}  // namespace nvhook::ldcache
