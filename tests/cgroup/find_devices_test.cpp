// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "cgroup/v2_fixture.hpp"
#include "support/child.hpp"
#include "support/fake_root.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using cgroup::Version;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kUsual = "/sys/fs/cgroup";

void bind(const fs::path& from, const fs::path& to) {
  ASSERT_EQ(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr), 0) << from << to;
}

class FindDevices : public OnCgroupV2 {
 protected:
  // The cgroup that was found is this one, whatever it is called.
  static void expect_found(pid_t pid, const fs::path& cgroup, Version version) {
    const auto found = find(pid);
    ASSERT_TRUE(found) << found.error().text();
    ASSERT_TRUE(found->directory);
    EXPECT_EQ(found->version, version);
    EXPECT_EQ(found->pid, pid);
    struct stat held {};
    struct stat named {};
    ASSERT_EQ(::fstat(found->directory.get(), &held), 0);
    ASSERT_EQ(::stat(cgroup.c_str(), &named), 0);
    EXPECT_EQ(held.st_ino, named.st_ino);
    EXPECT_EQ(held.st_dev, named.st_dev);
    EXPECT_TRUE(fs::equivalent(found->path, cgroup)) << found->path;
  }

  FakeRoot scratch_;
};

TEST_F(FindDevices, OfV2WhereNothingElseIsMounted) {
  const V2Cgroup container(kUsual);

  expect_found(container.pid(), container.path(), Version::V2);
}

TEST_F(FindDevices, OfV2FarDown) {
  const auto name = "/nvhook-" + std::to_string(::getpid());
  const fs::path top = std::string(kUsual) + name + ".slice";
  fs::create_directories(top / "crun-x.scope");
  {
    const V2Cgroup container(top / "crun-x.scope");
    expect_found(container.pid(), container.path(), Version::V2);
  }
  fs::remove(top / "crun-x.scope");
  fs::remove(top);
}

TEST_F(FindDevices, OfV2WhereverItIsMounted) {
  scratch_.directory("/a b\\c");
  const auto elsewhere = scratch_.on_disk("/a b\\c");
  ASSERT_EQ(::mount("cgroup2", elsewhere.c_str(), "cgroup2", 0, nullptr), 0);
  ::umount2(kUsual, MNT_DETACH);
  {
    const V2Cgroup container(elsewhere);
    expect_found(container.pid(), container.path(), Version::V2);
  }
  ::umount2(elsewhere.c_str(), MNT_DETACH);
}

// A nested engine's view: what is mounted begins at its own cgroup.
TEST_F(FindDevices, BelowTheCgroupThatIsMounted) {
  const V2Cgroup engine(kUsual);
  const V2Cgroup container(engine.path());
  const auto outside = scratch_.directory("/whole").on_disk("/whole");
  bind(kUsual, outside);
  const auto below = outside / engine.path().lexically_relative(kUsual);
  bind(below, kUsual);
  ::umount2(outside.c_str(), MNT_DETACH);

  expect_found(container.pid(), kUsual / container.path().filename(), Version::V2);
  EXPECT_THAT(complaint(engine.pid()), HasSubstr("topmost"));
}

TEST_F(FindDevices, NeverTheRootOfAll) {
  const V2Cgroup container(kUsual);
  move_to_cgroup(container.pid(), kUsual);

  EXPECT_THAT(complaint(container.pid()), HasSubstr("E_CGROUP: device cgroup \"/\" of the "
                                                    "container is the root of the hierarchy"));
}

// The cgroup namespace begins at a cgroup beside the container's.
TEST_F(FindDevices, NotOutsideOfTheCgroupNamespace) {
  const V2Cgroup beside(kUsual);
  const V2Cgroup container(kUsual);

  const auto said = said_by_child([&] {
    move_to_cgroup(0, beside.path());
    if (::unshare(CLONE_NEWCGROUP) != 0) return std::string("unshare");
    const auto with_old_mount = complaint(container.pid());
    ::umount2(kUsual, MNT_DETACH);
    if (::mount("cgroup2", kUsual, "cgroup2", 0, nullptr) != 0) return std::string("mount");
    return with_old_mount + "\n" + complaint(container.pid());
  });

  EXPECT_THAT(said, ::testing::MatchesRegex("E_CGROUP: [^\n]* outside [^\n]*\n"
                                            "E_CGROUP: [^\n]* outside [^\n]*"));
}

TEST_F(FindDevices, InTheCgroupNamespaceBelowItsRoot) {
  const V2Cgroup engine(kUsual);
  const V2Cgroup container(engine.path());

  const auto said = said_by_child([&] {
    move_to_cgroup(0, engine.path());
    if (::unshare(CLONE_NEWCGROUP) != 0) return std::string("unshare");
    ::umount2(kUsual, MNT_DETACH);
    if (::mount("cgroup2", kUsual, "cgroup2", 0, nullptr) != 0) return std::string("mount");
    return complaint(container.pid());
  });

  EXPECT_EQ(said, "found " + (kUsual / container.path().filename()).string());
}

TEST_F(FindDevices, NoneWhereNoneIsMounted) {
  const V2Cgroup container(kUsual);
  ::umount2(kUsual, MNT_DETACH);

  const auto found = find(container.pid());

  ASSERT_TRUE(found) << found.error().text();
  EXPECT_FALSE(found->directory);
  ASSERT_EQ(::mount("cgroup2", kUsual, "cgroup2", 0, nullptr), 0);  // to be removed from
}

// Neither a file system that only looks like one, nor one that is covered.
TEST_F(FindDevices, NotUnderAnotherFileSystem) {
  const V2Cgroup container(kUsual);
  ASSERT_EQ(::mount("tmpfs", kUsual, "tmpfs", 0, nullptr), 0);
  const auto inside = fs::path(kUsual) / container.path().filename();
  fs::create_directory(inside);
  scratch_.file("/procs", std::to_string(container.pid()) + "\n");
  fs::copy_file(scratch_.on_disk("/procs"), inside / "cgroup.procs");

  EXPECT_THAT(complaint(container.pid()), HasSubstr("hidden"));
  ::umount2(kUsual, MNT_DETACH);
}

// Something is mounted over the very cgroup.
TEST_F(FindDevices, NotAcrossAnotherMount) {
  const V2Cgroup container(kUsual);
  ASSERT_EQ(::mount("tmpfs", container.path().c_str(), "tmpfs", 0, nullptr), 0);

  EXPECT_THAT(complaint(container.pid()), StartsWith("E_CGROUP: device cgroup: open"));
  ::umount2(container.path().c_str(), MNT_DETACH);
}

class FindDevicesOnAHybrid : public FindDevices {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    root_.directory("/dev").directory("/proc");
    container_.emplace(root_.on_disk());
    FindDevices::SetUp();
  }
  // v1's devices controller.
  static void mount_v1(const fs::path& at) {
    ASSERT_EQ(::mount("cgroup", at.c_str(), "cgroup", 0, "devices"), 0) << at;
  }

  FakeRoot root_;
  std::optional<TestContainer> container_;
};

TEST_F(FindDevicesOnAHybrid, TakesV1WhereBothAreMounted) {
  const auto v1 = scratch_.directory("/v1").on_disk("/v1");
  mount_v1(v1);

  expect_found(container_->pid(), v1 / container_->cgroup().filename(), Version::V1);
  ::umount2(v1.c_str(), MNT_DETACH);
}

// What /proc/<pid>/cgroup still lists is of no account there: the container's v2 cgroup is the
// root.
TEST_F(FindDevicesOnAHybrid, TakesV2WhereV1IsNotMounted) {
  EXPECT_THAT(complaint(container_->pid()), HasSubstr("root of the hierarchy"));
  const V2Cgroup own(kUsual);
  move_to_cgroup(container_->pid(), own.path());

  expect_found(container_->pid(), own.path(), Version::V2);
  move_to_cgroup(container_->pid(), kUsual);
}

// v1 is mounted, but something covers it: what can be reached decides, as it does for runtimes.
TEST_F(FindDevicesOnAHybrid, TakesV2WhereV1IsCovered) {
  const auto v1 = scratch_.directory("/v1").on_disk("/v1");
  mount_v1(v1);
  ASSERT_EQ(::mount("tmpfs", v1.c_str(), "tmpfs", 0, nullptr), 0);
  const V2Cgroup own(kUsual);
  move_to_cgroup(container_->pid(), own.path());

  expect_found(container_->pid(), own.path(), Version::V2);
  move_to_cgroup(container_->pid(), kUsual);
  ::umount2(v1.c_str(), MNT_DETACH);
  ::umount2(v1.c_str(), MNT_DETACH);
}

TEST_F(FindDevicesOnAHybrid, FindsTheOneOfSeveralMountsThatShowsIt) {
  scratch_.directory("/whole").directory("/part").directory("/other");
  const auto whole = scratch_.on_disk("/whole");
  const auto part = scratch_.on_disk("/part");
  mount_v1(whole);
  const auto other = whole / "nvhook-other";
  fs::create_directory(other);
  bind(other, scratch_.on_disk("/other"));
  bind(whole, part);
  ::umount2(whole.c_str(), MNT_DETACH);

  expect_found(container_->pid(), part / container_->cgroup().filename(), Version::V1);
  fs::remove(part / "nvhook-other");
  for (const auto* name : {"/part", "/other"})
    ::umount2(scratch_.on_disk(name).c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace nvhook::test
