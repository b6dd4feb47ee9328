// SPDX-License-Identifier: Apache-2.0
// Files of ours in the container's root, and the exchange of the loader's.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "apply/placer_in.hpp"

namespace nvhook::apply {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr auto kCache = "/etc/ld.so.cache";

std::string beside_cache() { return "/etc/.ld.so.cache.nvhook-" + std::to_string(::getpid()); }

constexpr bool kReplaces = true;

// Files

TEST_P(PlacerIn, AFileIsMadeWithItsDirectory) {
  root_.directory("/etc");
  const auto before = snapshot();

  const auto done = placer().place_file({"/etc/conf.d/ours"}, "text");

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(content("/etc/conf.d/ours"), "text");
  EXPECT_EQ(mode("/etc/conf.d/ours"), S_IFREG | 0644U);
  EXPECT_TRUE(placer().verify());
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AFileIsNotMadeWhereSomethingStands) {
  test::FakeRoot outside;
  root_.file("/d/file", "theirs").directory("/d/directory").symlink("/d/link", "file");
  root_.symlink("/d/escape", outside.on_disk("/new").string());
  ASSERT_EQ(::mkfifo(path("/d/fifo").c_str(), 0600), 0);
  const auto before = snapshot();

  for (const auto* name : {"file", "directory", "link", "escape", "fifo"}) {
    const auto done = placer().place_file({"/d/" + std::string(name)}, "ours");
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().id(), ErrorId::Race) << done.error().text();
  }

  EXPECT_EQ(snapshot(), before);
  EXPECT_EQ(content("/d/file"), "theirs");
  EXPECT_TRUE(fs::is_empty(outside.on_disk()));
}

TEST_P(PlacerIn, AFileIsNotMadeInAVolumeNorOnAReadOnlyRoot) {
  root_.directory("/volume").directory("/etc");
  mount_tmpfs("/volume");
  EXPECT_EQ(placer().place_file({"/volume/file"}, "x").error().id(), ErrorId::DstForeignMount);
  EXPECT_EQ(placer().prepare_file({"/volume/file"}, "x", kReplaces).error().id(),
            ErrorId::DstForeignMount);

  ASSERT_EQ(::mount(nullptr, path("/").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
            0);
  EXPECT_EQ(placer().place_file({"/etc/file"}, "x").error().id(), ErrorId::DstReadOnly);
  EXPECT_EQ(placer().prepare_file({kCache}, "x", kReplaces).error().id(), ErrorId::DstReadOnly);
}

TEST_P(PlacerIn, AFileThatDoesNotFitIsTakenAwayAgain) {
  mount_tmpfs("/", "size=64k");
  fs::create_directory(path("/etc"));
  const auto before = snapshot();
  const std::string large(std::size_t{1} << 20U, 'x');

  EXPECT_EQ(placer().place_file({"/etc/file"}, large).error().id(), ErrorId::NoSpace);
  EXPECT_EQ(placer().prepare_file({kCache}, large, kReplaces).error().id(), ErrorId::NoSpace);

  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

// The loader's file

TEST_P(PlacerIn, APreparedFileIsNotThereBeforeTheExchange) {
  root_.file(kCache, "theirs");
  const auto before = snapshot();

  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", kReplaces));

  EXPECT_EQ(content(kCache), "theirs");
  EXPECT_EQ(content(beside_cache()), "ours");
  EXPECT_TRUE(placer().verify());
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, APreparedFileTakesThePlaceOfTheImages) {
  root_.file(kCache, "theirs");
  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", kReplaces));

  const auto done = placer().exchange();

  ASSERT_TRUE(done) << done.error().text();
  undo_.commit();
  EXPECT_EQ(content(kCache), "ours");
  EXPECT_EQ(mode(kCache), S_IFREG | 0644U);
  EXPECT_EQ(std::distance(fs::directory_iterator(path("/etc")), fs::directory_iterator()), 1);
}

TEST_P(PlacerIn, APreparedFileTakesThePlaceOfALinkAndNotOfWhatThatLeadsTo) {
  test::FakeRoot outside;
  outside.file("/file", "the host's");
  root_.symlink(kCache, outside.on_disk("/file").string());
  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", kReplaces));

  ASSERT_TRUE(placer().exchange());

  EXPECT_EQ(mode(kCache), S_IFREG | 0644U);
  EXPECT_EQ(content(kCache), "ours");
  std::ifstream file(outside.on_disk("/file"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "the host's");
}

TEST_P(PlacerIn, APreparedFileThatReplacesNothingTakesNoPlace) {
  root_.directory("/etc");
  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", !kReplaces));
  root_.file(kCache, "somebody's since");

  const auto done = placer().exchange();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Race) << done.error().text();
  EXPECT_EQ(content(kCache), "somebody's since");
  undo_.roll_back();
  EXPECT_FALSE(fs::exists(path(beside_cache())));
}

TEST_P(PlacerIn, APreparedFileGetsItsNameWhereNothingIs) {
  root_.directory("/etc");
  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", !kReplaces));

  ASSERT_TRUE(placer().exchange());

  EXPECT_EQ(content(kCache), "ours");
  EXPECT_FALSE(fs::exists(path(beside_cache())));
}

TEST_P(PlacerIn, APreparedFileDoesNotTakeThePlaceOfADirectory) {
  root_.file(kCache);
  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", kReplaces));
  fs::remove(path(kCache));
  root_.file(std::string(kCache) + "/theirs");

  EXPECT_FALSE(placer().exchange());
  EXPECT_TRUE(fs::exists(path(std::string(kCache) + "/theirs")));
}

TEST_P(PlacerIn, LeftoversOfKilledRunsAreNotInTheWayOfAPreparedFile) {
  test::FakeRoot outside;
  root_.file(kCache, "theirs").file(beside_cache(), "older");
  root_.symlink(beside_cache() + ".1", outside.on_disk("/new").string());
  root_.directory(beside_cache() + ".2");
  const auto before = snapshot();

  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", kReplaces));

  EXPECT_EQ(content(beside_cache() + ".3"), "ours");
  EXPECT_TRUE(fs::is_empty(outside.on_disk()));
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AnImageThatHasEveryNameForAPreparedFileGetsNone) {
  root_.file(kCache, "theirs").file(beside_cache());
  for (int i = 1; i < 64; ++i) root_.file(beside_cache() + "." + std::to_string(i));
  const auto before = snapshot();

  const auto done = placer().prepare_file({kCache}, "ours", kReplaces);

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Race);
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, WithoutAPreparedFileNothingIsExchanged) {
  const auto before = snapshot();

  EXPECT_TRUE(placer().exchange());

  EXPECT_EQ(snapshot(), before);
}

// What is told of it

TEST_P(PlacerIn, WhateverStaysIsToldByItsInode) {
  root_.directory("/d").file("/d/present").symlink("/d/stale", "old").file(kCache, "theirs");
  ASSERT_TRUE(place_mount("/d/new/library"));
  ASSERT_TRUE(place_mount("/d/present"));
  ASSERT_TRUE(place_link("/d/link", "text"));
  ASSERT_TRUE(place_link("/d/stale", "text", "old"));
  ASSERT_TRUE(placer().place_file({"/d/file"}, "text"));
  ASSERT_TRUE(placer().prepare_file({kCache}, "ours", kReplaces));
  ASSERT_TRUE(placer().exchange());
  undo_.commit();

  const auto made = std::move(placer()).take_made();

  std::vector<std::string> paths;
  for (const auto& [at, inode] : made) {
    paths.push_back(at.value);
    if (at.value == "/d/new/library") continue;  // covered by its mount
    struct stat status {};
    EXPECT_EQ(::lstat(path(at.value).c_str(), &status), 0) << at.value;
    EXPECT_EQ(inode, status.st_ino) << at.value;
  }
  EXPECT_THAT(paths,
              ElementsAre("/d/new", "/d/new/library", "/d/link", "/d/stale", "/d/file", kCache));
}

}  // namespace
}  // namespace nvhook::apply
