// SPDX-License-Identifier: Apache-2.0
// Family D: what stands at the targets, or on the way to them, besides links; and on what kinds of
// file systems and mounts.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

#include "attack/canaries.hpp"
#include "attack/destinations.hpp"
#include "attack/mounted.hpp"
#include "attack/special_files.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST_P(Destinations, D10_ADirectoryStandsWhereAFileIsDue) {
  for (const auto& target : {library_, program_, node_}) {
    SCOPED_TRACE(target);
    start_over();
    scene().container.dev = TestContainer::Dev::Image;
    image().directory(target);

    refused("E_DST_TYPE");
  }
}

TEST_P(Destinations, D11_AFileStandsWhereADirectoryIsDue) {
  for (const auto* path : {"/usr", "/usr/lib", kLibraryDirectory, "/usr/bin", "/dev"}) {
    SCOPED_TRACE(path);
    start_over();
    scene().container.dev = TestContainer::Dev::Image;
    fs::remove_all(image().on_disk(path));
    image().file(path);

    refused("E_DST_RESOLVE");
  }
}

TEST_P(Destinations, D11_ASpecialFileStandsWhereADirectoryIsDue) {
  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    fs::remove_all(image().on_disk("/usr/lib"));
    ASSERT_EQ(thing.make(image().on_disk("/usr/lib")), 0);

    refused("E_DST_RESOLVE");
  }
}

TEST_P(Destinations, D12_ASpecialFileStandsWhereAFileIsDue) {
  for (const auto& target : {library_, program_, node_}) {
    for (const auto& thing : special_files()) {
      SCOPED_TRACE(target + " is " + thing.what);
      start_over();
      scene().container.dev = TestContainer::Dev::Image;
      ASSERT_EQ(thing.make(image().on_disk(target)), 0);

      refused("E_DST_TYPE");
    }
  }
}

// The one thing that may stand there: the runtime makes nodes by linux.devices before the hook
// runs.
TEST_P(Destinations, D12_TheVeryDeviceStandsThere) {
  scene().container.dev = TestContainer::Dev::Image;
  ASSERT_EQ(::mknod(image().on_disk(node_).c_str(), S_IFCHR | 0600, makedev(195, 0)), 0);

  contained();

  EXPECT_EQ(std::ranges::find(outcome().plan.mounts, node_, &PlannedMount::target),
            outcome().plan.mounts.end());
  EXPECT_THAT(container().device_rules(), HasSubstr("c 195:0 rw"));
}

TEST_P(Destinations, D13_TheImageHasAProcOfItsOwn) {
  scene().container.proc = TestContainer::Proc::Image;
  const auto own = "/proc/" + std::to_string(::getpid());
  for (const auto* name : {"/proc/self", "/proc/1"})
    image().directory(std::string(name) + "/fd").symlink(std::string(name) + "/root", "/");
  image().file(own + "/mountinfo", "nonsense").file("/proc/mounts").file("/proc/filesystems");

  contained();
}

TEST_P(Destinations, D13_ProcIsATmpfs) {
  scene().container.further = [](const fs::path& rootfs) {
    return ::mount("tmpfs", (rootfs / "proc").c_str(), "tmpfs", 0, nullptr);
  };

  contained();
}

TEST_P(Destinations, D14_TheTargetIsAHardLinkToAnotherFile) {
  image().file("/etc/important", "important").file("/etc/other", "other");
  fs::create_hard_link(image().on_disk("/etc/important"), image().on_disk(library_));
  fs::create_hard_link(image().on_disk("/etc/other"), image().on_disk(program_));

  contained();

  EXPECT_EQ(fs::file_size(container().inside("/etc/important")), 9U);
  EXPECT_EQ(fs::file_size(container().inside("/etc/other")), 5U);
}

TEST_P(Destinations, D23_TheHookRunsTwice) {
  contained();
  const auto mounts = container().mountinfo();

  refused("E_DST_FOREIGN_MOUNT");

  EXPECT_EQ(container().mountinfo(), mounts);
}

TEST_P(Destinations, D23_AnotherHookIsAtWork) {
  const auto space = "/proc/" + std::to_string(container().pid()) + "/ns/mnt";
  const UniqueFd held(::open(space.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);

  refused("E_RACE");

  ASSERT_EQ(::flock(held.get(), LOCK_UN), 0);
  contained();
}

TEST_P(Destinations, D23_TwoHooksRunAtOnce) {
  int succeeded = 0;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    start_over();

    run_two_at_once();

    succeeded += outcome().finished.status == 0 ? 1 : 0;
    expect_no_complaints();
  }
  EXPECT_GT(succeeded, 0);
}

// Twins that a file system without regard for case would take for one.
TEST_P(Destinations, D24_NamesDifferByCaseOnly) {
  image().directory("/usr/LIB/x86_64-linux-gnu").directory("/USR/lib/X86_64-LINUX-GNU");
  image().file(std::string(kLibraryDirectory) + "/LIBCUDA.SO.1", "a twin");

  contained();
}

TEST_P(Destinations, D25_TheRootIsTheHosts) {
  FakeRoot elsewhere;
  elsewhere.symlink("/link", "/").directory("/directory");
  for (const auto& path :
       {std::string("/"), std::string("/."), std::string("/tmp/.."), std::string("/proc/self/root"),
        elsewhere.on_disk("/link").string(), elsewhere.on_disk("/directory").string()}) {
    SCOPED_TRACE(path);
    start_over();
    scene().bundle.config["root"]["path"] = path;

    refused("E_ROOTFS");
  }
}

TEST_P(Destinations, D25_TheRootIsTheBundlesParent) {
  for (const auto* path : {"..", "../", "."}) {
    SCOPED_TRACE(path);
    start_over();
    scene().bundle.config["root"]["path"] = path;

    refused("E_ROOTFS");
  }
}

}  // namespace
}  // namespace nvhook::test
