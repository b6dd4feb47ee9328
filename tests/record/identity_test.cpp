// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/identity.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container/waiting.hpp"
#include "record/sample.hpp"
#include "support/fake_root.hpp"

namespace nvhook::record {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(StartTime, IsTheTwentySecondField) {
  EXPECT_EQ(start_time_of("7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 0 0"),
            98765U);
}

TEST(StartTime, IsFoundBehindANameOfAnyKind) {
  EXPECT_EQ(start_time_of("7 (a) S 1) (b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 0 0"),
            98765U);
}

TEST(StartTime, IsNotMadeUp) {
  for (const auto* text : {"", "7 (sh", "7 (sh)", "7 (sh) S 1 7 7", "7 (sh)S",
                           "7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0",
                           "7 (sh) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 x"})
    EXPECT_FALSE(start_time_of(text)) << text;
}

TEST(Difference, NamesWhatChangedFirst) {
  const auto recorded = test::sample_record().identity;
  EXPECT_EQ(difference(recorded, recorded), "");
  auto now = recorded;
  now.cgroup.reset();
  EXPECT_THAT(difference(recorded, now), HasSubstr("cgroup"));
  now.mount_namespace.inode += 1;
  EXPECT_THAT(difference(recorded, now), HasSubstr("mount namespace"));
  now.start_time += 1;
  EXPECT_THAT(difference(recorded, now), HasSubstr("pid"));
  now.boot_id = "other";
  EXPECT_THAT(difference(recorded, now), HasSubstr("machine"));
}

class Identified : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: a mount namespace";
    auto procfs = container::open_procfs();
    ASSERT_TRUE(procfs) << procfs.error().text();
    procfs_ = std::move(*procfs);
  }

  static bool in_mounts_of_its_own() { return ::unshare(CLONE_NEWNS) == 0; }

  container::Procfs procfs_;
  cgroup::DeviceCgroup none_;
};

TEST_F(Identified, StaysTheSameForAProcessAndDiffersFromOthers) {
  const test::Waiting one(in_mounts_of_its_own);
  const test::Waiting other(in_mounts_of_its_own);
  const auto process = container::pin(procfs_, one.pid());
  const auto another = container::pin(procfs_, other.pid());
  ASSERT_TRUE(process && another);

  const auto first = identify(procfs_, *process, none_);
  const auto again = identify(procfs_, *process, none_);
  const auto others = identify(procfs_, *another, none_);

  ASSERT_TRUE(first) << first.error().text();
  ASSERT_TRUE(again && others);
  EXPECT_EQ(difference(*first, *again), "");
  EXPECT_NE(first->mount_namespace, others->mount_namespace);
  struct stat named {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(one.pid()) + "/ns/mnt").c_str(), &named), 0);
  EXPECT_EQ(first->mount_namespace.inode, named.st_ino);
  EXPECT_EQ(first->boot_id.size(), 36U);
  EXPECT_GT(first->start_time, 0U);
  EXPECT_FALSE(first->cgroup);
}

TEST_F(Identified, HasTheCgroupsDirectory) {
  const test::Waiting container(in_mounts_of_its_own);
  const auto process = container::pin(procfs_, container.pid());
  ASSERT_TRUE(process);
  const test::FakeRoot root;
  cgroup::DeviceCgroup cgroup;
  cgroup.directory = UniqueFd(::open(root.on_disk().c_str(), O_PATH | O_CLOEXEC));

  const auto identity = identify(procfs_, *process, cgroup);

  ASSERT_TRUE(identity && identity->cgroup);
  struct stat named {};
  ASSERT_EQ(::stat(root.on_disk().c_str(), &named), 0);
  EXPECT_EQ(identity->cgroup->inode, named.st_ino);
  EXPECT_EQ(identity->cgroup->device, named.st_dev);
}

// As systemd-nspawn does for a machine that it runs.
TEST_F(Identified, KnowsAMachineThatHasABootIdOfItsOwn) {
  const test::Waiting container(in_mounts_of_its_own);
  const auto process = container::pin(procfs_, container.pid());
  ASSERT_TRUE(process);
  test::FakeRoot root;
  root.file("/boot_id", "7d3f2a0e-1111-4222-8333-444455556666\n");
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount(root.on_disk("/boot_id").c_str(), "/proc/sys/kernel/random/boot_id", nullptr,
                    MS_BIND, nullptr),
            0);
  const auto procfs = container::open_procfs();
  ASSERT_TRUE(procfs) << procfs.error().text();

  const auto identity = identify(*procfs, *process, none_);

  ::umount2("/proc/sys/kernel/random/boot_id", MNT_DETACH);
  ASSERT_TRUE(identity) << identity.error().text();
  EXPECT_EQ(identity->boot_id, "7d3f2a0e-1111-4222-8333-444455556666");
}

TEST_F(Identified, IsNobodyWhoHasEnded) {
  test::Waiting container(in_mounts_of_its_own);
  const auto process = container::pin(procfs_, container.pid());
  ASSERT_TRUE(process);

  container.end();

  const auto identity = identify(procfs_, *process, none_);
  ASSERT_FALSE(identity);
  EXPECT_THAT(identity.error().text(), StartsWith("E_PID"));
}

}  // namespace
}  // namespace nvhook::record
