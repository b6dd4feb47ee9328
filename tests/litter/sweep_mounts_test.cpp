// SPDX-License-Identifier: Apache-2.0
// What is swept among mounts, and of whom.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "litter/remains.hpp"

namespace nvhook::litter {
namespace {

using record::Former;
using record::ObjectKind;
using ::testing::ElementsAre;

class SweepAsRoot : public ::testing::Test, protected Remains {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount(2), chown(2)";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void TearDown() override {
    for (const auto* at : {"/usr/lib", "/opt", "/"})
      while (::umount2(path(at).c_str(), MNT_DETACH) == 0) {
      }
  }
  void mount_tmpfs(std::string_view at) {
    ASSERT_EQ(::mount("tmpfs", path(at).c_str(), "tmpfs", 0, "mode=755"), 0);
  }
};

TEST_F(SweepAsRoot, AVolumeIsNotLookedInto) {
  root.directory("/usr/lib");
  mount_tmpfs("/usr/lib");
  placeholder("/usr/lib/file").inode.reset();
  link("/usr/lib/link", "ours").inode.reset();
  file("/usr/lib/cache", "ours").inode.reset();
  const auto before = names();

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_EQ(names(), before);
}

TEST_F(SweepAsRoot, ADirectoryWithAMountOnItStays) {
  directory("/opt").inode.reset();
  mount_tmpfs("/opt");

  EXPECT_THAT(swept(), ElementsAre("0 taken", "/opt"));
  EXPECT_TRUE(stands("/opt"));
}

TEST_F(SweepAsRoot, AStaleLinkIsItsContainersAgain) {
  link("/link", "ours", "stale");
  ASSERT_EQ(::lchown(path("/link").c_str(), 100000, 100001), 0);

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(std::filesystem::read_symlink(path("/link")), "stale");
  EXPECT_EQ(status("/link").st_uid, 100000U);
  EXPECT_EQ(status("/link").st_gid, 100001U);
}

TEST_F(SweepAsRoot, AFormerFileHasItsModeAndItsOwnerAgain) {
  file("/file", "ours").former =
      Former{.link_text = {}, .mode = 0751, .owner = 100000, .group = 100001};
  former = "theirs";

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(content("/file"), "theirs");
  EXPECT_EQ(status("/file").st_mode, S_IFREG | 0751U);
  EXPECT_EQ(status("/file").st_uid, 100000U);
  EXPECT_EQ(status("/file").st_gid, 100001U);
}

TEST_F(SweepAsRoot, AFormerLinkIsItsContainersAgain) {
  file("/file", "ours").former = link_to("stale");
  ASSERT_EQ(::lchown(path("/file").c_str(), 100000, 100001), 0);

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(status("/file").st_uid, 100000U);
}

TEST_F(SweepAsRoot, ADeviceInThePlaceOfTheCacheIsNotOpened) {
  note(ObjectKind::File, "/cache").content = record::Fingerprint{0, record::hash_of("")};
  ASSERT_EQ(::mknod(path("/cache").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);

  EXPECT_THAT(swept(), ElementsAre("0 taken", "/cache"));
  EXPECT_TRUE(stands("/cache"));
}

TEST_F(SweepAsRoot, ARootThatCannotBeWrittenToIsAnError) {
  placeholder("/file");
  ASSERT_EQ(::mount(path("/").c_str(), path("/").c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, path("/").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
            0);

  const auto done = try_sweep();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Kernel);
  EXPECT_TRUE(stands("/file"));
}

TEST_F(SweepAsRoot, AFullFileSystemIsAnErrorThatSaysSo) {
  ASSERT_EQ(::mount("tmpfs", path("/").c_str(), "tmpfs", 0, "size=64k"), 0);
  file("/file", "ours").former = plain_file(0644);
  former = std::string(std::size_t{1} << 20U, 'x');

  const auto done = try_sweep();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::NoSpace);
  EXPECT_EQ(content("/file"), "ours");
  EXPECT_EQ(names().size(), 1U) << "nothing of the attempt is left";
}

}  // namespace
}  // namespace nvhook::litter
