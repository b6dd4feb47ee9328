// SPDX-License-Identifier: Apache-2.0
#include "apply/undo.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "nvhook/mount/mount.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::apply {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a container's directory looks like, and an Undo that is told of things made in it.
class UndoOf : public test::OwnMounts {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped()) return;
    top_ = open_directory("/");
  }

  [[nodiscard]] UniqueFd open_directory(std::string_view inside) const {
    return UniqueFd(::open(path(inside).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  // Tells of a file that the test has made.
  void made_file(Undo& undo, int directory, const std::string& name) {
    struct stat status {};
    ASSERT_GE(directory, 0);
    ASSERT_EQ(::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW), 0);
    undo.made_file(directory, name);
    undo.file_is(status.st_dev, status.st_ino);
  }

  // "name" and "name -> text", sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path("/"))) {
      auto name = entry.path().lexically_relative(path("/")).string();
      if (entry.is_symlink()) name += " -> " + std::filesystem::read_symlink(entry.path()).string();
      names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    return names;
  }

  UniqueFd fds_{::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  UniqueFd top_;
};

TEST_F(UndoOf, FilesDirectoriesAndLinksTakesTheLastFirst) {
  root_.file("/image").directory("/made/in").file("/made/in/file").symlink("/made/link", "in");
  const auto made = open_directory("/made");
  const auto in = open_directory("/made/in");
  Undo undo(fds_.get());
  undo.made_directory(top_.get(), "made");
  undo.made_directory(made.get(), "in");
  made_file(undo, in.get(), "file");
  undo.made_link(made.get(), "link", "in");

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("image"));
}

TEST_F(UndoOf, AFileThatCouldNotBeLookedAtTakesItOnlyIfItIsEmpty) {
  root_.file("/ours").file("/theirs", "bytes");
  Undo undo(fds_.get());
  undo.made_file(top_.get(), "ours");
  undo.made_file(top_.get(), "theirs");

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("theirs"));
}

TEST_F(UndoOf, AMountTakesItAwayBeforeItsMountPoint) {
  root_.file("/image", "bytes");
  const auto before = mountinfo();
  root_.file("/point");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "point");
  const UniqueFd source(::open(path("/image").c_str(), O_PATH | O_CLOEXEC));
  const UniqueFd point(::open(path("/point").c_str(), O_PATH | O_CLOEXEC));
  auto tree = mount::clone(source.get());
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(mount::attach(tree->get(), point.get()));
  undo.mounted(std::move(*tree));
  ASSERT_NE(mountinfo(), before);

  undo.roll_back();

  EXPECT_EQ(mountinfo(), before);
  EXPECT_THAT(names(), ElementsAre("image"));
}

TEST_F(UndoOf, AFileLeavesAnotherFileOfItsName) {
  root_.file("/ours").file("/theirs", "bytes");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "ours");
  std::filesystem::rename(path("/theirs"), path("/ours"));

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("ours"));
}

TEST_F(UndoOf, ADirectoryLeavesItWhereSomebodyUsesIt) {
  root_.directory("/ours");
  Undo undo(fds_.get());
  undo.made_directory(top_.get(), "ours");
  root_.file("/ours/theirs");

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("ours", "ours/theirs"));
}

TEST_F(UndoOf, ALinkLeavesWhatElseStandsThere) {
  root_.symlink("/one", "ours-no-more").file("/two");
  Undo undo(fds_.get());
  undo.made_link(top_.get(), "one", "ours");
  undo.made_link(top_.get(), "two", "ours");
  undo.made_link(top_.get(), "gone", "ours");

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("one -> ours-no-more", "two"));
}

TEST_F(UndoOf, AnExchangedLinkPutsTheOldOneBack) {
  root_.symlink("/name", "ours").symlink("/.name.kept", "stale");
  Undo undo(fds_.get());
  undo.exchanged_link(top_.get(), "name", "ours", ".name.kept");

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("name -> stale"));
}

TEST_F(UndoOf, AnExchangedLinkLeavesWhatElseStandsThere) {
  root_.file("/name", "somebody's").symlink("/.name.kept", "stale");
  Undo undo(fds_.get());
  undo.exchanged_link(top_.get(), "name", "ours", ".name.kept");

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("name"));
}

TEST_F(UndoOf, WhatCannotBeTakenAwayTakesTheRestAway) {
  root_.file("/first").symlink("/last", "x");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "first");
  undo.made_directory(-1, "nowhere");
  undo.mounted({});
  undo.exchanged_link(top_.get(), "no", "such", "link");
  undo.made_link(top_.get(), "last", "x");

  undo.roll_back();

  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(UndoOf, ASuccessKeepsAllButTheOldLinks) {
  root_.file("/file").directory("/made").symlink("/link", "x");
  root_.symlink("/name", "ours").symlink("/.name.kept", "stale");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "file");
  undo.made_directory(top_.get(), "made");
  undo.made_link(top_.get(), "link", "x");
  undo.exchanged_link(top_.get(), "name", "ours", ".name.kept");

  undo.commit();
  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("file", "link -> x", "made", "name -> ours"));
}

}  // namespace
}  // namespace nvhook::apply
