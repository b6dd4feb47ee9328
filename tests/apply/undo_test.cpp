// SPDX-License-Identifier: Apache-2.0
#include "apply/undo.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "nvhook/mount/source.hpp"
#include "sandbox/filter.hpp"
#include "support/child.hpp"
#include "support/own_mounts.hpp"
#include "support/tiers.hpp"

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
    undo.made_inode(status.st_dev, status.st_ino);
  }

  // Tells of a link that the test has made; `made` is where it stands now.
  void made_link(Undo& undo, const std::string& name, const std::string& text,
                 const std::string& made) {
    struct stat status {};
    ASSERT_EQ(::fstatat(top_.get(), made.c_str(), &status, AT_SYMLINK_NOFOLLOW), 0);
    undo.made_link(top_.get(), name, text);
    undo.made_inode(status.st_dev, status.st_ino);
  }

  // "/name" is ours, with the text "ours"; "/.kept" is the image's, with the text "stale".
  void exchanged(Undo& undo) {
    root_.symlink("/name", "ours").symlink("/.kept", "stale");
    made_link(undo, ".kept", "ours", "name");
    undo.exchanged_link("name");
    struct stat status {};
    ASSERT_EQ(::fstatat(top_.get(), ".kept", &status, AT_SYMLINK_NOFOLLOW), 0);
    undo.kept_inode(status.st_dev, status.st_ino);
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

class UndoOfMounts : public UndoOf, public ::testing::WithParamInterface<mount::Tier> {};

TEST_P(UndoOfMounts, TakesThemAwayBeforeTheirMountPoints) {
  root_.file("/image", "bytes");
  const auto before = mountinfo();
  root_.file("/point");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "point");
  auto source = test::source_of(GetParam(), path("/image"), kFileMount);
  ASSERT_TRUE(source) << source.error().text();
  const UniqueFd point(::open(path("/point").c_str(), O_PATH | O_CLOEXEC));
  const std::string name = "point";
  auto mounted = mount::attach(std::move(*source),
                               {.fd = point.get(),
                                .directory = top_.get(),
                                .name = name,
                                .is_new = [](int) { return true; }},
                               fds_.get());
  ASSERT_TRUE(mounted) << mounted.error().text();
  undo.mounted(std::move(*mounted));
  ASSERT_NE(mountinfo(), before);

  undo.roll_back();

  EXPECT_EQ(mountinfo(), before);
  EXPECT_THAT(names(), ElementsAre("image"));
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, UndoOfMounts, test::kEachTier,
                         [](const auto& each) { return test::name_of(each.param); });

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

TEST_F(UndoOf, ADirectoryLeavesAnotherOfItsName) {
  root_.directory("/ours").directory("/theirs");
  struct stat status {};
  ASSERT_EQ(::stat(path("/ours").c_str(), &status), 0);
  Undo undo(fds_.get());
  undo.made_directory(top_.get(), "ours");
  undo.made_inode(status.st_dev, status.st_ino);
  std::filesystem::rename(path("/theirs"), path("/ours"));

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("ours"));
}

TEST_F(UndoOf, ALinkLeavesAnotherOfItsNameAndText) {
  root_.symlink("/ours", "text").symlink("/theirs", "text");
  Undo undo(fds_.get());
  made_link(undo, "ours", "text", "ours");
  std::filesystem::rename(path("/theirs"), path("/ours"));

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("ours -> text"));
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
  Undo undo(fds_.get());
  exchanged(undo);

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("name -> stale"));
}

TEST_F(UndoOf, AnExchangedLinkPutsTheOldOneBackWhereOursWasTakenAway) {
  Undo undo(fds_.get());
  exchanged(undo);
  std::filesystem::remove(path("/name"));

  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("name -> stale"));
}

// All of it happens under the filter of the phase in which things are made.
TEST_F(UndoOf, EverythingMakesNoCallThatIsForbiddenThere) {
  root_.file("/file").directory("/directory").symlink("/link", "text");
  const auto said = test::said_by_child([&]() -> std::string {
    Undo undo(fds_.get());
    made_file(undo, top_.get(), "file");
    undo.made_directory(top_.get(), "directory");
    made_link(undo, "link", "text", "link");
    exchanged(undo);
    std::filesystem::remove(path("/name"));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox::load(sandbox::Filter::Place))
      return "no filter";
    undo.roll_back();
    return "done";
  });

  EXPECT_EQ(said, "done");
  EXPECT_THAT(names(), ElementsAre("name -> stale"));
}

// Whatever stands there is somebody else's, and so is what we kept: nothing is removed.
TEST_F(UndoOf, AnExchangedLinkLosesNeitherTheOldOneNorWhatElseStandsThere) {
  for (const std::string text : {"theirs", "ours"}) {
    Undo undo(fds_.get());
    exchanged(undo);
    root_.symlink("/other", text);
    std::filesystem::rename(path("/other"), path("/name"));

    undo.roll_back();

    EXPECT_THAT(names(), ElementsAre(".kept -> stale", "name -> " + text));
    std::filesystem::remove(path("/name"));
    std::filesystem::remove(path("/.kept"));
  }
}

TEST_F(UndoOf, WhatCannotBeTakenAwayTakesTheRestAway) {
  root_.file("/first").symlink("/last", "x");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "first");
  undo.made_directory(-1, "nowhere");
  undo.mounted({});
  undo.made_link(top_.get(), "no", "such");
  undo.exchanged_link("link");
  undo.made_link(top_.get(), "last", "x");

  undo.roll_back();

  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(UndoOf, ASuccessKeepsAllButTheOldLinks) {
  root_.file("/file").directory("/made").symlink("/link", "x");
  Undo undo(fds_.get());
  made_file(undo, top_.get(), "file");
  undo.made_directory(top_.get(), "made");
  undo.made_link(top_.get(), "link", "x");
  exchanged(undo);

  undo.commit();
  undo.roll_back();

  EXPECT_THAT(names(), ElementsAre("file", "link -> x", "made", "name -> ours"));
}

TEST_F(UndoOf, ASuccessRemovesNothingThatTookAnOldLinksPlace) {
  Undo undo(fds_.get());
  exchanged(undo);
  root_.file("/other", "theirs");
  std::filesystem::rename(path("/other"), path("/.kept"));

  undo.commit();

  EXPECT_THAT(names(), ElementsAre(".kept", "name -> ours"));
}

}  // namespace
}  // namespace nvhook::apply
