// SPDX-License-Identifier: Apache-2.0
// What the survey sees of mounts.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "nvhook/container/survey.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::container {
namespace {

class SurveyAmongMounts : public test::OwnMounts {
 protected:
  Survey look(const std::vector<Place>& places) {
    auto rootfs = open_rootfs_on_host(path("/"));
    EXPECT_TRUE(rootfs) << rootfs.error().text();
    rootfs->dev_mount_id = dev_mount_id_;
    const auto seen = survey(*rootfs, places, {});
    EXPECT_TRUE(seen) << seen.error().text();
    return seen ? *seen : Survey();
  }
  std::optional<std::uint64_t> dev_mount_id_;
};

TEST_F(SurveyAmongMounts, APlaceTellsWhetherSomethingIsMountedExactlyThere) {
  root_.file("/d/file").file("/d/mounted").directory("/d/volume");
  ASSERT_EQ(::mount(path("/d/file").c_str(), path("/d/mounted").c_str(), nullptr, MS_BIND, nullptr),
            0);
  mount_tmpfs("/d/volume");

  const auto seen = look({{{"/d"}, "file"}, {{"/d"}, "mounted"}, {{"/d"}, "volume"}});

  EXPECT_FALSE(seen.places.at({{"/d"}, "file"}).other_mount);
  EXPECT_TRUE(seen.places.at({{"/d"}, "mounted"}).other_mount);
  EXPECT_TRUE(seen.places.at({{"/d"}, "volume"}).other_mount);
}

TEST_F(SurveyAmongMounts, ADirectoryTellsWhoseMountItLiesOn) {
  root_.directory("/lib").directory("/dev");
  mount_tmpfs("/dev");
  // Through the mount over the root, whose descriptor root_ does not have.
  const UniqueFd top(::open(path("/").c_str(), O_PATH | O_CLOEXEC));
  dev_mount_id_ = *files::mount_id_at(top.get(), "dev");
  const auto seen = look({{{"/lib"}, "x"}, {{"/dev"}, "x"}});

  EXPECT_EQ(seen.directories.at({"/lib"}).mount, MountKind::Rootfs);
  EXPECT_EQ(seen.directories.at({"/dev"}).mount, MountKind::Dev);
}

TEST_F(SurveyAmongMounts, ADirectoryOnAnotherMountIsNotEntered) {
  root_.directory("/volume");
  mount_tmpfs("/volume");
  const auto rootfs = open_rootfs_on_host(path("/"));
  ASSERT_TRUE(rootfs) << rootfs.error().text();

  const auto seen = survey(*rootfs, {{{"/volume"}, "x"}}, {});

  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().id(), ErrorId::DstForeignMount);
}

}  // namespace
}  // namespace nvhook::container
