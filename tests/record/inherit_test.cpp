// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/inherit.hpp"

#include <gmock/gmock.h>

#include "record/sample.hpp"

namespace nvhook::record {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Fingerprint kOurs{.size = 100, .hash = 7};

Record with(std::vector<Object> objects) {
  auto record = test::sample_record();
  record.objects = std::move(objects);
  return record;
}

Object point(const char* path, bool creates, std::optional<std::uint64_t> inode = {}) {
  return {.path = {path}, .creates = creates, .inode = inode};
}

Object link(const char* path, const char* text, std::optional<std::string> replaces = {}) {
  return {.kind = ObjectKind::Link, .path = {path}, .text = text, .replaces = std::move(replaces)};
}

Object cache(std::optional<Former> former, Fingerprint content = {200, 8}) {
  return {.kind = ObjectKind::File,
          .path = {"/etc/ld.so.cache"},
          .content = content,
          .former = std::move(former)};
}

std::vector<Object> inherited(std::vector<Object> now, std::vector<Object> before) {
  return inherit(with(std::move(now)), with(std::move(before)), kOurs).record.objects;
}

TEST(Inherit, PutsAMountPointDownToTheRunThatMadeIt) {
  const auto all = inherit(with({point("/a", false)}), with({point("/a", true, 42)}), {});

  EXPECT_THAT(all.record.objects, ElementsAre(point("/a", true)));
  ASSERT_EQ(all.made.size(), 1U);
  EXPECT_EQ(all.made[0].inode, 42U);
}

TEST(Inherit, LeavesTheImagesOwnFilesToTheImage) {
  EXPECT_THAT(inherited({point("/a", false)}, {point("/a", false)}),
              ElementsAre(point("/a", false)));
}

TEST(Inherit, KeepsWhatTheNewRunHasNothingToDoWith) {
  const Object directory{.kind = ObjectKind::Directory, .path = {"/usr/local/nvidia"}};
  EXPECT_THAT(inherited({point("/b", true)}, {directory, link("/a", "x")}),
              ElementsAre(directory, link("/a", "x"), point("/b", true)));
}

TEST(Inherit, TellsADirectoryFromTheMountOnIt) {
  const Object directory{.kind = ObjectKind::Directory, .path = {"/tree"}};
  EXPECT_THAT(inherited({point("/tree", false)}, {directory, point("/tree", false)}),
              ElementsAre(directory, point("/tree", false)));
}

TEST(Inherit, PutsBackTheLinkBeforeBothRuns) {
  EXPECT_THAT(inherited({link("/a", "new", "old")}, {link("/a", "old", "first")}),
              ElementsAre(link("/a", "new", "first")));
  EXPECT_THAT(inherited({link("/a", "new", "old")}, {link("/a", "old")}),
              ElementsAre(link("/a", "new")));
  EXPECT_THAT(inherited({link("/a", "new", "somebody's")}, {link("/a", "old", "first")}),
              ElementsAre(link("/a", "new", "somebody's")));
}

TEST(Inherit, PutsBackTheCacheBeforeBothRuns) {
  const Former images{.mode = 0644};
  const auto all =
      inherit(with({cache(Former{.mode = 0600})}), with({cache(images, kOurs)}), kOurs);

  EXPECT_THAT(all.record.objects, ElementsAre(cache(images)));
  EXPECT_TRUE(all.keeps_former);
}

TEST(Inherit, PutsNoCacheBackWhereThereWasNone) {
  const auto all = inherit(with({cache(Former{.mode = 0644})}), with({cache({}, kOurs)}), kOurs);

  EXPECT_THAT(all.record.objects, ElementsAre(cache({})));
  EXPECT_FALSE(all.keeps_former);
}

TEST(Inherit, TakesACacheThatTheContainerWroteForTheImages) {
  const Former now{.mode = 0600};
  const auto all =
      inherit(with({cache(now)}), with({cache(Former{.mode = 0644}, {300, 9})}), kOurs);

  EXPECT_THAT(all.record.objects, ElementsAre(cache(now)));
  EXPECT_FALSE(all.keeps_former);
}

TEST(Inherit, HasNothingOfAnotherRoot) {
  auto before = with({point("/a", true, 42)});
  ++before.root.inode;

  const auto all = inherit(with({point("/a", false)}), before, {});

  EXPECT_THAT(all.record.objects, ElementsAre(point("/a", false)));
  EXPECT_THAT(all.made, IsEmpty());
}

}  // namespace
}  // namespace nvhook::record
