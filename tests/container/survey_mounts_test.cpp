// SPDX-License-Identifier: Apache-2.0
// What the survey sees of mounts.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "nvhook/container/image.hpp"
#include "nvhook/container/survey.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::container {
namespace {

using ::testing::HasSubstr;

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
  FileFacts look_at_file(const Place& place) {
    const auto rootfs = open_rootfs_on_host(path("/"));
    EXPECT_TRUE(rootfs) << rootfs.error().text();
    const auto facts = survey_file(*rootfs, place, {}, 100);
    EXPECT_TRUE(facts) << facts.error().text();
    return facts ? *facts : FileFacts();
  }
  // Through the mount over the root, whose descriptor root_ does not have.
  [[nodiscard]] UniqueFd open_root() const {
    return UniqueFd(::open(path("/").c_str(), O_PATH | O_CLOEXEC));
  }
  [[nodiscard]] bool image_is_read_only() const {
    const auto top = open_root();
    const auto image = inspect({top.get()});
    EXPECT_TRUE(image) << image.error().text();
    return image && image->read_only;
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
  const auto top = open_root();
  dev_mount_id_ = *files::mount_id_at(top.get(), "dev");
  const auto seen = look({{{"/lib"}, "x"}, {{"/dev"}, "x"}});

  EXPECT_EQ(seen.directories.at({"/lib"}).mount, MountKind::Rootfs);
  EXPECT_EQ(seen.directories.at({"/dev"}).mount, MountKind::Dev);
}

TEST_F(SurveyAmongMounts, ADirectoryBelowDevLiesOnTheMountOfDev) {
  root_.directory("/dev");
  mount_tmpfs("/dev");
  root_.file("/dev/nvidia-caps/there");
  dev_mount_id_ = *files::mount_id_at(open_root().get(), "dev");

  const auto seen = look({{{"/dev/nvidia-caps"}, "there"}, {{"/dev/infiniband/a"}, "x"}});

  EXPECT_TRUE(seen.directories.at({"/dev/nvidia-caps"}).exists);
  EXPECT_EQ(seen.directories.at({"/dev/nvidia-caps"}).mount, MountKind::Dev);
  EXPECT_EQ(seen.places.at({{"/dev/nvidia-caps"}, "there"}).standing, Standing::File);
  const auto& missing = seen.directories.at({"/dev/infiniband/a"});
  EXPECT_FALSE(missing.exists);
  EXPECT_EQ(missing.missing, 2U);
  EXPECT_EQ(missing.mount, MountKind::Dev);
  EXPECT_EQ(missing.resolved, ContainerPath{"/dev/infiniband/a"});
}

TEST_F(SurveyAmongMounts, AMountOrLinkBelowDevIsNotEntered) {
  root_.directory("/dev/volume").symlink("/dev/link", "/").symlink("/dev/near", "volume");
  mount_tmpfs("/dev/volume");
  const auto rootfs = open_rootfs_on_host(path("/"));
  ASSERT_TRUE(rootfs) << rootfs.error().text();

  EXPECT_EQ(survey(*rootfs, {{{"/dev/volume"}, "x"}}, {}).error().id(), ErrorId::DstForeignMount);
  EXPECT_EQ(survey(*rootfs, {{{"/dev/near"}, "x"}}, {}).error().id(), ErrorId::DstForeignMount);
  EXPECT_EQ(survey(*rootfs, {{{"/dev/link"}, "x"}}, {})->directories.at({"/dev/link"}).resolved,
            ContainerPath{"/"});
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

// A file that is to be exchanged

TEST_F(SurveyAmongMounts, AFileTellsWhoseItIs) {
  root_.file("/etc/cache", "theirs");
  ASSERT_EQ(::chown(path("/etc/cache").c_str(), 100000, 100001), 0);
  ASSERT_EQ(::chmod(path("/etc/cache").c_str(), 04710), 0);

  EXPECT_EQ(look_at_file({{"/etc"}, "cache"}).content,
            (Content{.bytes = "theirs", .mode = 04710, .owner = 100000, .group = 100001}));
}

TEST_F(SurveyAmongMounts, AFileInAVolumeIsOutOfReach) {
  root_.directory("/etc");
  mount_tmpfs("/etc");
  root_.file("/etc/cache", "theirs");

  const auto facts = look_at_file({{"/etc"}, "cache"});

  EXPECT_THAT(facts.trouble, HasSubstr("\"/etc\" lies in a volume"));
  EXPECT_EQ(facts.content, std::nullopt);
}

TEST_F(SurveyAmongMounts, AFileThatIsAVolumeIsSeenAndNotRead) {
  root_.file("/etc/cache", "theirs").file("/other", "a volume's");
  ASSERT_EQ(::mount(path("/other").c_str(), path("/etc/cache").c_str(), nullptr, MS_BIND, nullptr),
            0);

  const auto facts = look_at_file({{"/etc"}, "cache"});

  EXPECT_EQ(facts.found.standing, Standing::File);
  EXPECT_TRUE(facts.found.other_mount);
  EXPECT_EQ(facts.content, std::nullopt);
}

TEST_F(SurveyAmongMounts, ALinkIntoAVolumeIsNotFollowed) {
  root_.directory("/volume").symlink("/etc/cache", "/volume/cache");
  mount_tmpfs("/volume");
  root_.file("/volume/cache", "a volume's");

  const auto facts = look_at_file({{"/etc"}, "cache"});

  EXPECT_EQ(facts.found.standing, Standing::Link);
  EXPECT_FALSE(facts.found.link_dangles);
  EXPECT_EQ(facts.content, std::nullopt);
}

TEST_F(SurveyAmongMounts, ADeviceIsNotOpened) {
  root_.directory("/etc");
  // Of no driver: to open it would be an error.
  ASSERT_EQ(::mknod(path("/etc/cache").c_str(), S_IFCHR | 0666, ::makedev(240, 77)), 0);
  root_.symlink("/etc/to-cache", "cache");

  EXPECT_EQ(look_at_file({{"/etc"}, "cache"}).found.standing, Standing::CharDevice);
  EXPECT_EQ(look_at_file({{"/etc"}, "cache"}).content, std::nullopt);
  EXPECT_EQ(look_at_file({{"/etc"}, "to-cache"}).content, std::nullopt);
}

// The root as a whole

TEST_F(SurveyAmongMounts, ARootThatCanBeWrittenToIsNotReadOnly) {
  EXPECT_FALSE(image_is_read_only());
}

TEST_F(SurveyAmongMounts, ARootMountedReadOnlyIsReadOnly) {
  ASSERT_EQ(::mount(nullptr, path("/").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
            0);

  EXPECT_TRUE(image_is_read_only());
}

TEST_F(SurveyAmongMounts, ARootOfAReadOnlyFileSystemIsReadOnly) {
  ASSERT_EQ(::mount("tmpfs", path("/").c_str(), "tmpfs", MS_RDONLY, "mode=755"), 0);

  EXPECT_TRUE(image_is_read_only());
}

}  // namespace
}  // namespace nvhook::container
