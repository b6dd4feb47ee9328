// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/survey.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/fake_root.hpp"

namespace nvhook::container {
namespace {

class SurveyOf : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    auto rootfs = open_rootfs_on_host(root_.on_disk().string());
    ASSERT_TRUE(rootfs) << rootfs.error().text();
    rootfs_ = std::move(*rootfs);
  }

  Result<Survey> look(const Place& place, const std::vector<MountEntry>& mounts = {}) {
    return survey(rootfs_, {place}, mounts);
  }

  test::FakeRoot root_;
  Rootfs rootfs_;
};

TEST_F(SurveyOf, ADirectoryNamesWhereItReallyIs) {
  root_.directory("/usr/lib64").symlink("/lib", "/usr/lib64");

  const auto seen = look({{"/lib"}, "x"});

  ASSERT_TRUE(seen) << seen.error().text();
  EXPECT_EQ(seen->directories.at({"/lib"}).resolved.value, "/usr/lib64");
  EXPECT_TRUE(seen->directories.at({"/lib"}).exists);
  EXPECT_EQ(seen->directories.at({"/lib"}).mount, MountKind::Rootfs);
}

TEST_F(SurveyOf, AMissingDirectoryNamesWhereItWouldBe) {
  root_.directory("/usr").symlink("/opt", "usr");

  const auto seen = look({{"/opt/a/b"}, "x"});

  ASSERT_TRUE(seen) << seen.error().text();
  EXPECT_EQ(seen->directories.at({"/opt/a/b"}).resolved.value, "/usr/a/b");
  EXPECT_FALSE(seen->directories.at({"/opt/a/b"}).exists);
}

TEST_F(SurveyOf, APlaceTellsWhatStandsThere) {
  root_.file("/d/file").directory("/d/dir").symlink("/d/link", "file").symlink("/d/gone", "none");
  ASSERT_EQ(::mkfifo(root_.on_disk("/d/fifo").c_str(), 0600), 0);
  const auto at = [&](const char* name) { return look({{"/d"}, name})->places.begin()->second; };

  EXPECT_EQ(at("nothing").standing, Standing::Nothing);
  EXPECT_EQ(at("file").standing, Standing::File);
  EXPECT_EQ(at("dir").standing, Standing::Directory);
  EXPECT_EQ(at("fifo").standing, Standing::Other);
  EXPECT_EQ(at("link").standing, Standing::Link);
  EXPECT_EQ(at("link").link_text, "file");
  EXPECT_FALSE(at("link").link_dangles);
  EXPECT_TRUE(at("gone").link_dangles);
}

TEST_F(SurveyOf, ALinkToTheHostOnlyDangles) {
  root_.symlink("/d/escape", "/etc/passwd").symlink("/d/up", "../../../../../../etc/passwd");

  EXPECT_TRUE(look({{"/d"}, "escape"})->places.begin()->second.link_dangles);
  EXPECT_TRUE(look({{"/d"}, "up"})->places.begin()->second.link_dangles);
}

TEST_F(SurveyOf, ADirectoryThatCannotBeReachedIsAnError) {
  root_.symlink("/loop", "loop").file("/file").symlink("/dangling", "gone");

  for (const auto* path : {"/loop/x", "/file", "/file/x", "/dangling", "/dangling/x"}) {
    const auto seen = look({{path}, "x"});
    ASSERT_FALSE(seen) << path;
    EXPECT_EQ(seen.error().id(), ErrorId::DstResolve) << path;
  }
}

TEST_F(SurveyOf, ASharedMountIsSeen) {
  root_.directory("/d");
  MountEntry entry;
  entry.id = rootfs_.mount_id;
  entry.shared = true;

  EXPECT_TRUE(look({{"/d"}, "x"}, {entry})->directories.at({"/d"}).shared);
  EXPECT_FALSE(look({{"/d"}, "x"})->directories.at({"/d"}).shared);
}

}  // namespace
}  // namespace nvhook::container
