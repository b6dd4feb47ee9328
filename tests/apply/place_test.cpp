// SPDX-License-Identifier: Apache-2.0
#include "apply/place.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <optional>
#include <tuple>

#include "apply/placer_in.hpp"
#include "nvhook/mount/propagation.hpp"

namespace nvhook::apply {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Mounts

TEST_P(PlacerIn, AnImageWithoutTheFileMakesAMountPoint) {
  root_.directory("/usr/lib");

  const auto done = place_mount("/usr/lib/libcuda.so");

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(content("/usr/lib/libcuda.so"), "ours");
  placer_.reset();
  ::umount2(path("/usr/lib/libcuda.so").c_str(), MNT_DETACH);
  EXPECT_EQ(mode("/usr/lib/libcuda.so"), S_IFREG | 0444U);
  EXPECT_EQ(content("/usr/lib/libcuda.so"), "");
}

TEST_P(PlacerIn, AnImageWithTheFileMountsOverIt) {
  root_.file("/usr/lib/libcuda.so", "theirs");
  const auto before = snapshot();

  const auto done = place_mount("/usr/lib/libcuda.so");

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(content("/usr/lib/libcuda.so"), "ours");
  undo_.roll_back();
  EXPECT_EQ(content("/usr/lib/libcuda.so"), "theirs");
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AnImageWithoutTheDirectoryMakesIt) {
  root_.directory("/usr");
  const auto before = snapshot();

  ASSERT_TRUE(place_mount("/usr/lib/deep/one"));
  ASSERT_TRUE(place_mount("/usr/lib/deep/two"));

  EXPECT_EQ(mode("/usr/lib"), S_IFDIR | 0755U);
  EXPECT_EQ(mode("/usr/lib/deep"), S_IFDIR | 0755U);
  EXPECT_EQ(content("/usr/lib/deep/two"), "ours");
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

// The runtime's own tmpfs takes directories, too: /dev/nvidia-caps.
TEST_P(PlacerIn, ADevOfTheRuntimesMakesTheDirectoryInIt) {
  root_.directory("/dev");
  mount_tmpfs("/dev");
  const auto before = snapshot();
  placer();
  rootfs_.dev_mount_id = *container::mount_id_of(open_directory("/dev").get());

  const auto done = place_mount("/dev/nvidia-caps/nvidia-cap1");

  ASSERT_TRUE(done) << done.error().text();
  ASSERT_TRUE(place_mount("/dev/nvidia-caps/nvidia-cap2"));
  EXPECT_EQ(mode("/dev/nvidia-caps"), S_IFDIR | 0755U);
  EXPECT_EQ(content("/dev/nvidia-caps/nvidia-cap2"), "ours");
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

// The plan has resolved every link of the image: one on the way to a target was put there since.
TEST_P(PlacerIn, AnImageWhoseDirectoryBecomesALinkGetsNothing) {
  test::FakeRoot outside;
  const auto beyond = outside.on_disk("/").string();
  root_.directory("/usr/lib64").symlink("/lib64", "/usr/lib64").symlink("/escape", beyond);
  const auto before = snapshot();

  for (const auto* target : {"/lib64/one", "/escape/two", "/escape/new/three"}) {
    const auto done = place_mount(target);
    ASSERT_FALSE(done) << target;
    EXPECT_EQ(done.error().id(), ErrorId::Race) << done.error().text();
  }

  EXPECT_EQ(snapshot(), before);
  EXPECT_TRUE(fs::is_empty(beyond));
}

TEST_P(PlacerIn, AnImageMountsOverNothingButPlainFiles) {
  root_.directory("/d/directory").file("/d/file").symlink("/d/link", "file");
  root_.symlink("/d/dangling", "nothing");
  ASSERT_EQ(::mkfifo(path("/d/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mknod(path("/d/device").c_str(), S_IFCHR | 0600, ::makedev(1, 3)), 0);
  ASSERT_EQ(::mknod(path("/d/socket").c_str(), S_IFSOCK | 0600, 0), 0);
  const auto before = snapshot();

  for (const auto* name : {"directory", "link", "dangling", "fifo", "device", "socket"}) {
    const auto done = place_mount("/d/" + std::string(name));
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().id(), ErrorId::DstType) << done.error().text();
    EXPECT_EQ(snapshot(), before) << name;
  }
}

TEST_P(PlacerIn, AnImageLeavesVolumesAlone) {
  root_.directory("/volume").file("/d/mounted", "theirs");
  mount_tmpfs("/volume");
  root_.directory("/volume/deep");
  ASSERT_EQ(
      ::mount(path("/d/mounted").c_str(), path("/d/mounted").c_str(), nullptr, MS_BIND, nullptr),
      0);
  const auto before = snapshot();

  for (const auto* target :
       {"/volume/file", "/volume/deep/file", "/volume/new/file", "/d/mounted"}) {
    const auto done = place_mount(target);
    ASSERT_FALSE(done) << target;
    EXPECT_EQ(done.error().id(), ErrorId::DstForeignMount) << done.error().text();
    EXPECT_EQ(snapshot(), before) << target;
  }
  EXPECT_EQ(place_link("/volume/link", "x").error().id(), ErrorId::DstForeignMount);
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AnImageWithTheRuntimesDevGetsNodesThereAndNothingElse) {
  root_.directory("/dev").directory("/usr");
  mount_tmpfs("/dev");
  placer();
  rootfs_.dev_mount_id = *container::mount_id_of(open_directory("/dev").get());
  mount_tmpfs("/usr");

  for (const std::string node : {"/dev/nvidia0", "/dev/dri/card0"}) {
    const auto done = place_mount(node);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(content(node), "ours");
  }
  EXPECT_EQ(place_mount("/usr/library").error().id(), ErrorId::DstForeignMount);
}

TEST_P(PlacerIn, AnImageThatLosesAMountIsNotSaidToHaveIt) {
  root_.directory("/d");
  ASSERT_TRUE(place_mount("/d/one"));
  ASSERT_TRUE(place_mount("/d/two"));
  EXPECT_TRUE(placer().verify());

  ASSERT_EQ(::umount2(path("/d/one").c_str(), MNT_DETACH), 0);

  EXPECT_EQ(placer().verify().error().id(), ErrorId::Race);
}

TEST_P(PlacerIn, AnImageThatLosesALinkIsNotSaidToHaveIt) {
  root_.directory("/d").symlink("/d/old", "stale");
  for (const std::string name : {"new", "old"}) {
    const auto replaces = name == "old" ? std::optional<std::string>("stale") : std::nullopt;
    ASSERT_TRUE(place_link("/d/" + name, "text", replaces));
    EXPECT_TRUE(placer().verify());
    // The same text, by another hand.
    root_.symlink("/d/other", "text");
    fs::rename(path("/d/other"), path("/d/" + name));
    EXPECT_EQ(placer().verify().error().id(), ErrorId::Race) << name;
    fs::remove(path("/d/" + name));
    EXPECT_EQ(placer().verify().error().id(), ErrorId::Race) << name;
    placer_.reset();
  }
}

TEST_P(PlacerIn, AnImageWhoseDirectoryIsExchangedIsNotSaidToHaveItsMounts) {
  root_.directory("/d/e").directory("/other/e");
  ASSERT_TRUE(place_mount("/d/e/one"));
  EXPECT_TRUE(placer().verify());

  ASSERT_EQ(
      ::renameat2(AT_FDCWD, path("/d").c_str(), AT_FDCWD, path("/other").c_str(), RENAME_EXCHANGE),
      0);

  EXPECT_EQ(placer().verify().error().id(), ErrorId::Race);
}

TEST_P(PlacerIn, AnImageThatCannotBeReachedSaysSo) {
  root_.file("/file");

  for (const auto* target : {"/file/x", "/file/new/x"}) {
    const auto done = place_mount(target);
    ASSERT_FALSE(done) << target;
    EXPECT_EQ(done.error().id(), ErrorId::DstResolve) << done.error().text();
  }
}

TEST_P(PlacerIn, AReadOnlyRootIsNotWritten) {
  root_.file("/d/file");
  ASSERT_EQ(::mount(nullptr, path("/").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr),
            0);

  EXPECT_EQ(place_mount("/d/new").error().id(), ErrorId::DstReadOnly);
  EXPECT_EQ(place_mount("/new/file").error().id(), ErrorId::DstReadOnly);
  EXPECT_EQ(place_link("/d/link", "x").error().id(), ErrorId::DstReadOnly);
  EXPECT_TRUE(place_mount("/d/file"));
}

TEST_P(PlacerIn, AFullRootIsNotTheKernelsFault) {
  mount_tmpfs("/", "nr_inodes=2");
  fs::create_directory(path("/d"));

  for (const auto& done :
       {place_mount("/d/new"), place_mount("/new/file"), place_link("/d/link", "x")}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().id(), ErrorId::NoSpace) << done.error().text();
  }
}

// The survey saw a private root; what is mounted on a shared one appears in its peers.
TEST_P(PlacerIn, AnImageWhoseRootBecameSharedGetsNothing) {
  root_.file("/d/file");
  placer();
  ASSERT_EQ(::mount(nullptr, path("/").c_str(), nullptr, MS_SHARED, nullptr), 0);
  const auto shared = mount::is_shared(open_directory("/").get());
  if (!shared || !shared->has_value()) GTEST_SKIP() << "needs Linux 6.8: statmount(2)";
  const auto before = snapshot();

  EXPECT_EQ(place_mount("/d/file").error().id(), ErrorId::Propagation);
  EXPECT_EQ(place_mount("/new/file").error().id(), ErrorId::Propagation);
  EXPECT_EQ(place_link("/d/link", "x").error().id(), ErrorId::Propagation);

  EXPECT_EQ(snapshot(), before);
}

// Not even the time of its last change tells that something was put over it.
TEST_P(PlacerIn, AnImagesFilesAreNotTouched) {
  root_.file("/d/file", "theirs").symlink("/d/stale", "old");
  const auto facts = [&](std::string_view name) {
    struct stat status {};
    EXPECT_EQ(::lstat(path(name).c_str(), &status), 0);
    return std::tuple(status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_nlink,
                      status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                      status.st_ctim.tv_nsec);
  };
  const auto before = facts("/d/file");

  ASSERT_TRUE(place_mount("/d/file"));
  ASSERT_NE(facts("/d/file"), before) << "nothing was mounted";
  undo_.roll_back();

  EXPECT_EQ(facts("/d/file"), before);
}

// Links

TEST_P(PlacerIn, AnImageWithoutTheLinkMakesIt) {
  root_.directory("/usr");
  const auto before = snapshot();

  const auto done = place_link("/usr/lib/libcuda.so", "libcuda.so.1");

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(fs::read_symlink(path("/usr/lib/libcuda.so")), "libcuda.so.1");
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AnImageThatGotSomethingThereSinceKeepsIt) {
  root_.file("/d/file").symlink("/d/link", "x").directory("/d/directory");
  const auto before = snapshot();

  for (const auto* name : {"file", "link", "directory"})
    EXPECT_EQ(place_link("/d/" + std::string(name), "ours").error().id(), ErrorId::Race) << name;

  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AnImageWithAStaleLinkHasItExchanged) {
  root_.symlink("/d/libcuda.so.1", "libcuda.so.535.104.05");
  const auto before = snapshot();

  const auto done = place_link("/d/libcuda.so.1", "libcuda.so.550.54.14", "libcuda.so.535.104.05");

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(fs::read_symlink(path("/d/libcuda.so.1")), "libcuda.so.550.54.14");
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AnImageWithAStaleLinkKeepsNoTraceOfItAfterSuccess) {
  root_.symlink("/d/libcuda.so.1", "stale");
  ASSERT_TRUE(place_link("/d/libcuda.so.1", "ours", "stale"));

  undo_.commit();

  EXPECT_THAT(snapshot(), HasSubstr("d/libcuda.so.1 "));
  EXPECT_EQ(std::distance(fs::directory_iterator(path("/d")), fs::directory_iterator()), 1);
}

// A run that is killed leaves what it kept, and its process id comes again.
TEST_P(PlacerIn, LeftoversOfAKilledRunDoNotStandInTheWay) {
  const auto kept = ".libcuda.so.1.nvhook-" + std::to_string(::getpid());
  root_.symlink("/d/libcuda.so.1", "stale").symlink("/d/" + kept, "staler");
  root_.file("/d/" + kept + ".1", "a file");
  root_.file("/d/library", "");
  fs::permissions(path("/d/library"), fs::perms{0444});
  const auto before = snapshot();

  const auto link = place_link("/d/libcuda.so.1", "ours", "stale");
  const auto mounted = place_mount("/d/library");

  ASSERT_TRUE(link) << link.error().text();
  ASSERT_TRUE(mounted) << mounted.error().text();
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(PlacerIn, AStaleLinkThatChangedSinceIsARace) {
  root_.symlink("/d/link", "changed").file("/d/file", "theirs").directory("/d/directory/full");
  const auto before = snapshot();

  for (const auto* name : {"link", "file", "directory", "gone"}) {
    const auto done = place_link("/d/" + std::string(name), "ours", "stale");
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().id(), ErrorId::Race) << done.error().text();
    undo_.roll_back();
    EXPECT_EQ(snapshot(), before) << name;
  }
}

TEST_P(PlacerIn, AStaleLinkIsTheWholeTextOfThePlan) {
  root_.symlink("/d/link", "stale-and-more");

  EXPECT_EQ(place_link("/d/link", "ours", "stale").error().id(), ErrorId::Race);
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, PlacerIn, test::kEachTier,
                         [](const auto& each) { return test::name_of(each.param); });

}  // namespace
}  // namespace nvhook::apply
