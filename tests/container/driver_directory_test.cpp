// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/driver_directory.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>

#include <string>

#include "support/driver_in_procfs.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::container {
namespace {

using ::testing::HasSubstr;

class DriverDirectory : public test::OwnMounts {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped()) return;
    root_.directory("/proc");
  }

  void mount_procfs() { ASSERT_EQ(::mount("proc", path("/proc").c_str(), "proc", 0, nullptr), 0); }

  // Empty where it could be mounted over.
  [[nodiscard]] std::string trouble() const {
    const auto rootfs = open_rootfs_on_host(path("/"));
    EXPECT_TRUE(rootfs) << rootfs.error().text();
    const auto text = mountinfo();
    const auto mounts = parse_mountinfo(text);
    EXPECT_TRUE(mounts) << mounts.error().text();
    if (!rootfs || !mounts) return "no container";
    const auto trouble = trouble_with_driver_directory(*rootfs, *mounts);
    EXPECT_TRUE(trouble) << trouble.error().text();
    const auto opened = open_driver_directory(rootfs->root());
    EXPECT_EQ(opened.has_value(), trouble && (trouble->empty() || trouble->contains("appear")));
    return trouble ? *trouble : "no answer";
  }
};

TEST_F(DriverDirectory, OfAProcfsThatHasItCanBeMountedOver) {
  mount_procfs();
  ASSERT_EQ(test::show_driver_in(path("/proc")), 0);

  EXPECT_EQ(trouble(), "");
}

TEST_F(DriverDirectory, IsNotThereWithoutAKernelModule) {
  if (std::filesystem::exists("/proc/driver/nvidia")) GTEST_SKIP() << "this machine has one";
  mount_procfs();

  EXPECT_EQ(trouble(), "its \"/proc\" has no \"driver/nvidia\"");
}

TEST_F(DriverDirectory, OfAnImageIsNoneOfAProcfs) {
  root_.directory("/proc/driver/nvidia");

  EXPECT_EQ(trouble(), "its \"/proc\" is no procfs");
}

TEST_F(DriverDirectory, OfAFileSystemAtProcIsNoneOfAProcfs) {
  mount_tmpfs("/proc");
  root_.directory("/proc/driver/nvidia");

  EXPECT_EQ(trouble(), "its \"/proc\" is no procfs");
}

TEST_F(DriverDirectory, OfAPartOfAProcfsIsNotTaken) {
  ASSERT_EQ(::mount("/proc/self", path("/proc").c_str(), nullptr, MS_BIND, nullptr), 0);

  EXPECT_EQ(trouble(), "its \"/proc\" is no procfs");
}

TEST_F(DriverDirectory, IsNotReachedThroughALink) {
  std::filesystem::remove(path("/proc"));
  root_.directory("/other").symlink("/proc", "/other");
  ASSERT_EQ(::mount("proc", path("/other").c_str(), "proc", 0, nullptr), 0);
  ASSERT_EQ(test::show_driver_in(path("/other")), 0);

  EXPECT_EQ(trouble(), "it has no \"/proc\"");
}

TEST_F(DriverDirectory, IsNotReachedThroughALinkInAnotherFileSystem) {
  mount_procfs();
  mount_tmpfs("/proc/driver");
  root_.symlink("/proc/driver/nvidia", "/");

  EXPECT_EQ(trouble(), "its \"/proc\" has no \"driver/nvidia\"");
}

TEST_F(DriverDirectory, UnderAVolumeIsLeftAlone) {
  mount_procfs();
  root_.directory("/volume/nvidia");
  ASSERT_EQ(
      ::mount(path("/volume").c_str(), path("/proc/driver").c_str(), nullptr, MS_BIND, nullptr), 0);

  EXPECT_THAT(trouble(), HasSubstr("another file system lies over"));
}

TEST_F(DriverDirectory, IsNotUnderAVolumeElsewhere) {
  mount_procfs();
  ASSERT_EQ(test::show_driver_in(path("/proc")), 0);
  root_.directory("/volume").directory("/x/proc/driver/nvidia");
  for (const auto* point : {"/x/proc/driver/nvidia", "/x/proc/driver"})
    ASSERT_EQ(::mount(path("/volume").c_str(), path(point).c_str(), nullptr, MS_BIND, nullptr), 0);

  EXPECT_EQ(trouble(), "");
}

TEST_F(DriverDirectory, WhoseMountsAppearElsewhereIsLeftAlone) {
  mount_procfs();
  ASSERT_EQ(test::show_driver_in(path("/proc")), 0);
  ASSERT_EQ(::mount(nullptr, path("/proc/driver").c_str(), nullptr, MS_SHARED, nullptr), 0);

  EXPECT_THAT(trouble(), HasSubstr("would appear on the host"));
}

}  // namespace
}  // namespace nvhook::container
