// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/process.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "container/waiting.hpp"
#include "nvhook/files/read.hpp"
#include "support/child.hpp"

namespace nvhook::container {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Pinned : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: a mount namespace";
    auto procfs = open_procfs();
    ASSERT_TRUE(procfs) << procfs.error().text();
    procfs_ = std::move(*procfs);
  }

  std::string complaint(pid_t pid) {
    const auto process = pin(procfs_, pid);
    return process ? "pinned" : process.error().text();
  }

  // The letter of proc_pid_stat(5), behind the name in parentheses.
  static char state_of(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(in, line);
    const auto name_end = line.rfind(')');
    return name_end + 2 < line.size() ? line[name_end + 2] : '?';
  }

  static bool in_mounts_of_its_own() { return ::unshare(CLONE_NEWNS) == 0; }

  Procfs procfs_;
};

TEST_F(Pinned, IsAProcessInMountsOfItsOwn) {
  const test::Waiting container(in_mounts_of_its_own);

  const auto process = pin(procfs_, container.pid());

  ASSERT_TRUE(process) << process.error().text();
  EXPECT_EQ(process->pid, container.pid());
  EXPECT_EQ(process->mapped_root, 0U);
  struct stat held {};
  struct stat named {};
  ASSERT_EQ(::fstat(process->mount_namespace.get(), &held), 0);
  const auto path = "/proc/" + std::to_string(container.pid()) + "/ns/mnt";
  ASSERT_EQ(::stat(path.c_str(), &named), 0);
  EXPECT_EQ(held.st_ino, named.st_ino);
}

TEST_F(Pinned, IsNobodyWhoHasOurMounts) {
  const test::Waiting neighbour([] { return true; });

  EXPECT_THAT(complaint(neighbour.pid()), StartsWith("E_NS_SAME"));
  EXPECT_THAT(complaint(::getpid()), StartsWith("E_PID"));
  EXPECT_THAT(complaint(::getppid()), StartsWith("E_PID"));
}

TEST_F(Pinned, IsNobodyWhoHasEnded) {
  test::Waiting container(in_mounts_of_its_own);

  container.end_as_zombie();
  const auto of_zombie = complaint(container.pid());
  EXPECT_THAT(of_zombie, StartsWith("E_PID"));
  EXPECT_THAT(of_zombie, HasSubstr("has ended"));
  container.end();
  EXPECT_THAT(complaint(container.pid()), StartsWith("E_PID"));
}

// Its first thread is what holds its namespaces in /proc, and is gone, while the process lives: so
// looks any process for a moment when it ends.
TEST_F(Pinned, IsNobodyWhoHasGivenUpHisNamespaces) {
  const test::Waiting ending([] {
    if (!in_mounts_of_its_own()) return false;
    std::thread([first = ::getpid()] {
      while (state_of(first) != 'Z') std::this_thread::yield();
      for (;;) ::raise(SIGSTOP);
    }).detach();
    ::syscall(SYS_exit, 0);  // of this thread alone
    return false;
  });

  const auto said = complaint(ending.pid());

  EXPECT_THAT(said, StartsWith("E_PID"));
  EXPECT_THAT(said, HasSubstr("has ended"));
}

TEST_F(Pinned, IsNoThread) {
  std::promise<pid_t> number;
  std::promise<void> done;
  std::thread thread([&] {
    ::unshare(CLONE_FS);
    ::unshare(CLONE_NEWNS);
    number.set_value(::gettid());
    done.get_future().wait();
  });

  const auto said = complaint(number.get_future().get());

  done.set_value();
  thread.join();
  EXPECT_THAT(said, StartsWith("E_PID"));
}

TEST_F(Pinned, IsNoThreadOfTheKernel) {
  EXPECT_THAT(complaint(2), StartsWith("E_NS_SAME"));  // kthreadd
}

TEST_F(Pinned, IsToBlameForWhatFailsOnceItHasEnded) {
  test::Waiting container(in_mounts_of_its_own);
  const auto process = pin(procfs_, container.pid());
  ASSERT_TRUE(process) << process.error().text();
  const Error error(ErrorId::Kernel, "open mountinfo");

  EXPECT_EQ(or_its_end(*process, error).id(), ErrorId::Kernel);
  container.end_as_zombie();
  EXPECT_EQ(or_its_end(*process, error).id(), ErrorId::Pid);
  container.end();
  const auto ended = or_its_end(*process, error);
  EXPECT_EQ(ended.id(), ErrorId::Pid);
  EXPECT_THAT(ended.text(), HasSubstr("has ended: open mountinfo"));
}

TEST_F(Pinned, StaysTheSameProcessWhenItEnds) {
  test::Waiting container(in_mounts_of_its_own);
  const auto process = pin(procfs_, container.pid());
  ASSERT_TRUE(process) << process.error().text();

  container.end();

  const auto later = files::read_kernel_file(process->proc.get(), "mountinfo", 1U << 20U);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code(), std::errc::no_such_process);
}

TEST_F(Pinned, IsNotWhatIsMountedOverItsDirectory) {
  const test::Waiting container(in_mounts_of_its_own);
  const test::Waiting other(in_mounts_of_its_own);
  const auto said = test::said_by_child([&]() -> std::string {
    const auto over = "/proc/" + std::to_string(container.pid());
    const auto what = "/proc/" + std::to_string(other.pid());
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(what.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return "cannot mount";
    const auto procfs = open_procfs();
    if (!procfs) return procfs.error().text();
    const auto process = pin(*procfs, container.pid());
    return process ? "pinned" : process.error().text();
  });

  EXPECT_THAT(said, StartsWith("E_PID"));
}

}  // namespace
}  // namespace nvhook::container
