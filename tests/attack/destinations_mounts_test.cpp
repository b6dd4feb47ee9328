// SPDX-License-Identifier: Apache-2.0
// Family D: on what kinds of mounts and file systems the targets are.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "attack/canaries.hpp"
#include "attack/destinations.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The driver is in a tree on the tmpfs at /dev then, and there is no cache to mount one over.
TEST_P(Destinations, D15_TheRootWillBeReadOnlyAndHasNoMountPoints) {
  scene().bundle.config["root"]["readonly"] = true;

  skipped("W_LDCACHE");
}

TEST_P(Destinations, D15_TheRootIsReadOnlyAndHasNoMountPoints) {
  scene().container.root_flags = MS_RDONLY;
  scene().traced = true;

  skipped("W_LDCACHE");
}

TEST_P(Destinations, D15_TheRootIsReadOnlyAndItsDevIsTheImages) {
  scene().container.root_flags = MS_RDONLY;
  scene().container.dev = TestContainer::Dev::Image;

  refused("E_DST_RO");
}

TEST_P(Destinations, D15_TheRootIsReadOnlyAndHasAllMountPoints) {
  run_hook();
  const auto plan = outcome().plan;
  for (const bool said : {false, true}) {
    start_over();
    make_all_of(plan);
    scene().bundle.config["root"]["readonly"] = said;
    scene().container.root_flags = MS_RDONLY;

    skipped("W_LDCACHE");

    // But for programs that the image has already, at which the driver's are mounted.
    for (const auto& mount : outcome().plan.mounts)
      EXPECT_THAT(mount.target, ::testing::AnyOf(StartsWith("/dev/"), StartsWith("/usr/bin/")));
  }
}

TEST_P(Destinations, D16_TheRootIsMountedNosuidNoexecNodev) {
  scene().container.root_flags = MS_NOSUID | MS_NOEXEC | MS_NODEV;

  contained();
}

TEST_P(Destinations, D16_TheDriverIsOnANoexecMount) {
  for (const auto& [flags, fine] : {std::pair{0UL, true}, {MS_NOEXEC + 0UL, false}}) {
    start_over();
    FakeRoot host;
    const Mounted mounted("tmpfs", host.on_disk(), "tmpfs", flags, "mode=755");
    copy(Scene::simulated_host(), host.on_disk());
    scene().host = host.on_disk();
    scene().watched = {host.on_disk()};

    if (fine)
      contained();
    else
      refused("E_SRC_TRUST");
  }
}

TEST_P(Destinations, D17_AnOverlayGetsWhatIsPlannedAndNoMore) {
  for (const auto* options : {"", ",redirect_dir=on", ",redirect_dir=on,metacopy=on", ",xino=on",
                              ",index=on", ",volatile"}) {
    SCOPED_TRACE(options);
    start_over();
    const FakeRoot layers;
    image().symlink(soname_, "libcuda.so.535.104.05");
    const auto mounted = overlay_image(layers.on_disk(), options);
    const Canaries upper(layers.on_disk("/upper"));

    contained();

    for (const auto& complaint : upper.judge(outcome().plan)) ADD_FAILURE() << complaint.text;
  }
}

TEST_P(Destinations, D17_AnOverlayOfFortyLayersWithWhiteoutsAndOpaqueDirectories) {
  const FakeRoot layers;
  std::string names;
  for (int i = 1; i < 40; ++i) {
    const auto name = std::to_string(i);
    fs::create_directories(layers.on_disk("/" + name) / "usr");
    names += name + ":";
  }
  // Of these the topmost hides the image's directory, the next makes it anew, without what was in
  // it.
  ASSERT_EQ(::mknod(layers.on_disk("/7/usr/bin").c_str(), S_IFCHR, makedev(0, 0)), 0);
  fs::create_directories(layers.on_disk("/9/usr/lib/x86_64-linux-gnu"));
  ASSERT_EQ(::setxattr(layers.on_disk("/9/usr/lib").c_str(), "trusted.overlay.opaque", "y", 1, 0),
            0);
  image().file(soname_, "the image's, which is not to be seen");
  const auto mounted = overlay_image(layers.on_disk(), "", names);

  contained();

  EXPECT_EQ(std::ranges::find(outcome().plan.mounts, soname_, &PlannedMount::target),
            outcome().plan.mounts.end());
}

TEST_P(Destinations, D17_TheUpperLayerIsOnExt4) {
  const FakeRoot disk;
  const auto image_file = disk.on_disk("/image").string();
  const auto made = run({"sh", "-c",
                         "truncate -s 16M " + image_file + " && mkfs.ext4 -q " + image_file +
                             " && mkdir " + disk.on_disk("/at").string() + " && mount -o loop " +
                             image_file + " " + disk.on_disk("/at").string()});
  ASSERT_EQ(made.status, 0) << made.err;
  listen_to(disk.on_disk("/at"));
  {
    const auto mounted = overlay_image(disk.on_disk("/at"), "");

    contained();
    container();
  }
  ::umount2(disk.on_disk("/at").c_str(), MNT_DETACH);
}

TEST_P(Destinations, D17_AnOverlayWithoutAnUpperLayerIsReadOnly) {
  const FakeRoot layers;
  fs::create_directories(layers.on_disk("/image"));
  fs::create_directories(layers.on_disk("/empty"));
  copy(image().on_disk(), layers.on_disk("/image"));
  const Mounted mounted(
      "overlay", image().on_disk(), "overlay", 0,
      "lowerdir=" + layers.on_disk("/empty").string() + ":" + layers.on_disk("/image").string());

  skipped("W_LDCACHE");
}

void set_inode_flag(const fs::path& path, int flag) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int flags = 0;
  ASSERT_EQ(::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags), 0);
  flags |= flag;
  ASSERT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
}

TEST_P(Destinations, D21_TheDirectoryIsImmutable) {
  set_inode_flag(image().on_disk(kLibraryDirectory), FS_IMMUTABLE_FL);

  refused("E_DST_RO");
}

TEST_P(Destinations, D21_TheDirectoryIsAppendOnly) {
  set_inode_flag(image().on_disk(kLibraryDirectory), FS_APPEND_FL);

  contained_or_refused({"E_DST_RO"});
}

// Names can be made there and not taken away again.
TEST_P(Destinations, D21_TheDirectoryIsAppendOnlyAndALinkIsDueForExchange) {
  image().symlink(soname_, "libcuda.so.535.104.05");
  set_inode_flag(image().on_disk(kLibraryDirectory), FS_APPEND_FL);

  refused("E_DST_RO");
}

TEST_P(Destinations, D21_TheDirectoryIsAnothersAndClosed) {
  for (const unsigned mode : {0U, 0555U, 0700U}) {
    for (const unsigned owner : {0U, 1000U, 65534U}) {
      SCOPED_TRACE(std::to_string(mode) + " of " + std::to_string(owner));
      start_over();
      const auto directory = image().on_disk(kLibraryDirectory);
      ASSERT_EQ(::chown(directory.c_str(), owner, owner), 0);
      fs::permissions(directory, fs::perms{mode});

      contained();
    }
  }
}

TEST_P(Destinations, D21_TheFileSystemIsFull) {
  for (const unsigned room : {0U, 1U, 5U, 30U}) {
    SCOPED_TRACE(room);
    start_over();
    const auto mounted = move_image_to("tmpfs", "tmpfs", "mode=755");
    struct statfs facts {};
    ASSERT_EQ(::statfs(image().on_disk().c_str(), &facts), 0);
    const auto used = facts.f_files - facts.f_ffree;
    const auto limit = "nr_inodes=" + std::to_string(used + room);
    ASSERT_EQ(::mount(nullptr, image().on_disk().c_str(), nullptr, MS_REMOUNT, limit.c_str()), 0);

    refused("E_NOSPC");
  }
}

TEST_P(Destinations, D22_AVolumeStandsAtATarget) {
  for (const auto& target : {library_, program_, soname_, node_}) {
    SCOPED_TRACE(target);
    start_over();
    scene().container.dev = TestContainer::Dev::Image;
    image().file(target);
    scene().container.volumes = {{victim().on_disk("/file").string(), target}};

    refused("E_DST_FOREIGN_MOUNT");
  }
}

TEST_P(Destinations, D22_AVolumeStandsAboveATarget) {
  for (const auto* above : {"/usr", "/usr/lib", kLibraryDirectory, "/usr/bin"}) {
    SCOPED_TRACE(above);
    start_over();
    scene().container.volumes = {{victim().on_disk().string(), above}};

    refused("E_DST_FOREIGN_MOUNT");
  }
}

TEST_P(Destinations, D22_AVolumeHasAllTheDirectories) {
  victim().directory("/lib/x86_64-linux-gnu").directory("/bin");
  scene().container.volumes = {{victim().on_disk().string(), "/usr"}};

  refused("E_DST_FOREIGN_MOUNT");
}

TEST_P(Destinations, D22_AVolumeStandsBelowOrBesideATarget) {
  for (const auto* beside : {"/usr/lib/x86_64-linux-gnu/below", "/usr/local", "/usr/bin/x"}) {
    SCOPED_TRACE(beside);
    start_over();
    image().directory(beside);
    scene().container.volumes = {{victim().on_disk().string(), beside}};

    contained();
  }
}

TEST_P(Destinations, D22_TheHostsDevIsAVolume) {
  scene().container.dev = TestContainer::Dev::Image;
  scene().container.volumes = {{victim().on_disk().string(), "/dev"}};

  refused("E_DST_FOREIGN_MOUNT");
}

TEST_P(Destinations, D22_TheHostsDevIsAVolumeAndHasTheNodes) {
  for (const auto& entry : fs::directory_iterator(Scene::simulated_host() / "dev")) {
    if (entry.is_directory()) continue;
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    const auto copy = victim().on_disk("/") / entry.path().filename();
    ASSERT_EQ(::mknod(copy.c_str(), status.st_mode, status.st_rdev), 0);
  }
  scene().container.dev = TestContainer::Dev::Image;
  scene().container.volumes = {{victim().on_disk().string(), "/dev"}};

  contained();

  EXPECT_THAT(container().device_rules(), HasSubstr("c 195:0 rw"));
}

// An autofs mounts when somebody looks; here nobody would answer it.
TEST_P(Destinations, D27_TheDirectoryIsAnAutomount) {
  struct Case {
    const char* at;
    const char* type;
    const char* text;  // of a link in the directory's place; none: it is what is mounted on
  };
  for (const auto& each : {Case{kLibraryDirectory, "direct", nullptr},
                           {"/usr/lib", "direct", nullptr},
                           {"/usr/lib", "indirect", nullptr},
                           {"/net", "direct", "/net"},
                           {"/net", "indirect", "/net/server"},
                           {"/net", "indirect", "/net/server/export"}}) {
    SCOPED_TRACE(std::string(each.type) + " at " + each.at);
    start_over();
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd asked(ends[0]);
    const UniqueFd asking(ends[1]);
    image().directory(each.at);
    if (each.text != nullptr) replace_by_link(kLibraryDirectory, each.text);
    scene().container.further = [&](const fs::path& rootfs) {
      // Processes of the group are not waited for: those of this test.
      const auto options = "fd=" + std::to_string(asking.get()) +
                           ",pgrp=" + std::to_string(::getpgrp()) + ",minproto=5,maxproto=5," +
                           each.type;
      return ::mount("autofs", (rootfs / fs::path(each.at).relative_path()).c_str(), "autofs", 0,
                     options.c_str());
    };
    container();

    run_in_own_group();

    EXPECT_EQ(outcome().error(), "E_DST_FOREIGN_MOUNT") << outcome().finished.err;
    expect_no_complaints();
    ASSERT_EQ(::fcntl(asked.get(), F_SETFL, O_NONBLOCK), 0);
    char byte = 0;
    EXPECT_EQ(::read(asked.get(), &byte, 1), -1) << "it made the kernel ask for a mount";
  }
}

}  // namespace
}  // namespace nvhook::test
