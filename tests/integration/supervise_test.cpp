// SPDX-License-Identifier: Apache-2.0
// A root file system that somebody else serves: the hook works in a second process, which the first
// ends in time.
#include "supervise.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>

#include "integration/bundle.hpp"
#include "support/fuse_mirror.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A list of mounts, of which only point and type count.
std::vector<container::MountEntry> mounts(
    std::initializer_list<std::pair<const char*, const char*>> points_and_types) {
  std::vector<container::MountEntry> all;
  for (const auto& [point, type] : points_and_types) {
    auto& mount = all.emplace_back();
    mount.mount_point = point;
    mount.file_system = type;
  }
  return all;
}

TEST(ARoot, MayWaitForOthersByItsType) {
  for (const auto* type : {"fuse", "fuse.fuse-overlayfs", "fuseblk", "virtiofs", "nfs", "nfs4",
                           "cifs", "smb3", "9p", "ceph", "afs", "lustre", "pvfs2"})
    EXPECT_TRUE(may_wait_for_others(mounts({{"/", "ext4"}, {"/c/root", type}}), "/c/root")) << type;
  for (const auto* type : {"overlay", "ext4", "xfs", "btrfs", "tmpfs", "zfs", "erofs"})
    EXPECT_FALSE(may_wait_for_others(mounts({{"/", "ext4"}, {"/c/root", type}}), "/c/root"))
        << type;
}

TEST(ARoot, IsWhatIsMountedLastAtItsName) {
  EXPECT_FALSE(may_wait_for_others(mounts({{"/r", "fuse"}, {"/r", "ext4"}}), "/r/"));
  EXPECT_TRUE(may_wait_for_others(mounts({{"/r", "ext4"}, {"/r", "fuse"}}), "/r/"));
}

TEST(ARoot, MayWaitForThoseBelowIt) {
  // The layers of an overlay may lie anywhere.
  EXPECT_TRUE(may_wait_for_others(mounts({{"/layers/1", "fuse.stargz"}, {"/r", "overlay"}}), "/r"));
  EXPECT_FALSE(may_wait_for_others(mounts({{"/", "ext4"}, {"/r", "overlay"}}), "/r"));
  EXPECT_FALSE(may_wait_for_others(
      mounts({{"/sys/fs/fuse/connections", "fusectl"}, {"/r", "overlay"}}), "/r"));
}

TEST(ARoot, MayWaitForAnybodyWhereItIsNotFoundByItsName) {
  EXPECT_TRUE(may_wait_for_others(mounts({{"/", "ext4"}, {"/c/root", "fuse"}}), "/link/root"));
  EXPECT_FALSE(may_wait_for_others(mounts({{"/", "ext4"}, {"/c/root", "xfs"}}), "/link/root"));
}

// A process that goes on supervised, and what its second process does.
class Supervised : public ::testing::Test {
 protected:
  void start(const std::function<int()>& work) {
    first_ = ::fork();
    if (first_ != 0) return;
    Journal journal;
    if (!continue_supervised("/root", journal)) ::_exit(99);
    ::_exit(work());
  }

  // As wait(2) tells it.
  [[nodiscard]] int end() const {
    int status = 0;
    while (::waitpid(first_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  // Waits for one byte of the second process.
  void wait_until_it_works() {
    char byte = 0;
    ASSERT_EQ(::read(said_[0], &byte, 1), 1);
  }
  void say(char byte) const { (void)!::write(said_[1], &byte, 1); }

  void SetUp() override { ASSERT_EQ(::pipe2(said_.data(), O_CLOEXEC), 0); }
  void TearDown() override {
    ::close(said_[0]);
    ::close(said_[1]);
  }

  // Holds SIGTERM back, as a run does while it changes a container, and waits for it.
  int wait_for_sigterm() const {
    sigset_t term{};
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &term, nullptr);
    say('w');
    int signal = 0;
    ::sigwait(&term, &signal);
    say('t');
    return 7;
  }

  pid_t first_ = -1;
  std::array<int, 2> said_{};
};

TEST_F(Supervised, EndsAsTheSecondProcessEnds) {
  for (const int status : {0, 4, 70}) {
    start([&] { return status; });
    const int ended = end();
    ASSERT_TRUE(WIFEXITED(ended));
    EXPECT_EQ(WEXITSTATUS(ended), status);
  }
}

TEST_F(Supervised, DiesAsTheSecondProcessDies) {
  for (const int signal : {SIGTERM, SIGKILL, SIGHUP}) {
    start([&] { return ::raise(signal); });
    const int ended = end();
    ASSERT_TRUE(WIFSIGNALED(ended)) << ended;
    EXPECT_EQ(WTERMSIG(ended), signal);
  }
}

TEST_F(Supervised, PassesSignalsOn) {
  start([&] { return wait_for_sigterm(); });
  wait_until_it_works();

  ::kill(first_, SIGTERM);

  const int ended = end();
  ASSERT_TRUE(WIFEXITED(ended)) << ended;
  EXPECT_EQ(WEXITSTATUS(ended), 7);
}

TEST_F(Supervised, LeavesNobodyWorkingWhenItIsKilled) {
  start([&] { return wait_for_sigterm(); });
  wait_until_it_works();

  ::kill(first_, SIGKILL);

  EXPECT_TRUE(WIFSIGNALED(end()));
  wait_until_it_works();  // it was asked to end, and says so
}

// A bundle whose root file system is FUSE.
class ServedRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/fuse";
    // The mount is this process's own affair and goes with it.
    static const bool separate = ::unshare(CLONE_NEWNS) == 0 &&
                                 ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    ASSERT_TRUE(separate);
  }

  void serve(const FuseMirror::Silent& silent) {
    mirror_ = std::make_unique<FuseMirror>(bundle_.root().on_disk(), served_.on_disk(), silent);
    container_ = std::make_unique<TestContainer>(served_.on_disk());
    bundle_.config["root"]["path"] = served_.on_disk().string();
  }

  void TearDown() override {
    container_.reset();
    mirror_.reset();
  }

  Bundle bundle_;
  FakeRoot served_;
  std::unique_ptr<FuseMirror> mirror_;
  std::unique_ptr<TestContainer> container_;
};

TEST_F(ServedRoot, GetsTheDriver) {
  serve(FuseMirror::about_nothing);
  const auto before = mounts_below(container_->mountinfo(), served_.on_disk()).size();
  const auto plan = bundle_.plan(*container_);

  const auto done = bundle_.hook(*container_, {"prestart"});

  ASSERT_EQ(done.status, 0) << done.err;
  const auto after = mounts_below(container_->mountinfo(), served_.on_disk()).size();
  EXPECT_EQ(after - before, plan["mounts"].size());
  EXPECT_EQ(
      fs::read_symlink(bundle_.root().on_disk(std::string(kLibraryDirectory) + "/libcuda.so.1")),
      "libcuda.so.550.54.14");
  EXPECT_THAT(container_->device_rules(), HasSubstr("c 195:0 rw"));
}

TEST_F(ServedRoot, GetsTheMessageOfTheSecondProcess) {
  serve(FuseMirror::about_nothing);
  fs::create_directory(
      bundle_.root().on_disk(std::string(kLibraryDirectory) + "/libcuda.so.550.54.14"));
  const auto done = bundle_.hook(*container_, {"prestart"});

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_DST_TYPE: "));
  EXPECT_EQ(std::ranges::count(done.err, '\n'), 1) << done.err;
}

TEST_F(ServedRoot, D26_ThatNeverAnswersIsNotWaitedForForEver) {
  serve([](std::string_view name) { return name != "proc" && name != "dev"; });
  const auto before = container_->mountinfo();
  const auto rules = container_->device_rules();
  const auto start = std::chrono::steady_clock::now();

  const auto done = bundle_.hook(*container_, {"prestart"});

  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_DEADLINE: "));
  EXPECT_EQ(container_->mountinfo(), before);
  EXPECT_EQ(container_->device_rules(), rules);
}

}  // namespace
}  // namespace nvhook::test
