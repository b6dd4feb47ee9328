// SPDX-License-Identifier: Apache-2.0
// What stands at /proc may be anything. Each test puts something else there, in a child that has
// its mounts for itself.
#include "nvhook/container/procfs.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "support/child.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::container {
namespace {

using ::testing::StartsWith;

bool bind_over(const std::string& what, const std::string& over) {
  return ::mount(what.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) == 0;
}

std::string opened() {
  const auto procfs = open_procfs();
  return procfs ? "a procfs" : procfs.error().text();
}

// What is said of /proc after `change`, in a process that has not looked at it before.
std::string said_after(const std::function<bool()>& change) {
  return test::said_by_child([&]() -> std::string {
    const bool alone = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    return alone && change() ? opened() : "cannot change /proc";
  });
}

class ProcfsAtProc : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount(2)";
  }
};

TEST_F(ProcfsAtProc, IsTakenAsItIs) {
  EXPECT_EQ(said_after([] { return true; }), "a procfs");
}

TEST_F(ProcfsAtProc, IsNoTmpfsWithTheNamesOfOne) {
  const auto said = said_after([] {
    const auto self = std::to_string(::getpid());
    if (::mount("tmpfs", "/proc", "tmpfs", 0, nullptr) != 0) return false;
    std::filesystem::create_directories("/proc/" + self + "/fd");
    std::filesystem::create_directories("/proc/" + self + "/fdinfo");
    std::filesystem::create_symlink(self, "/proc/self");
    std::ofstream("/proc/" + self + "/stat") << self << " (x) R";
    return true;
  });

  EXPECT_THAT(said, StartsWith("E_KERNEL: /proc is not a procfs"));
}

TEST_F(ProcfsAtProc, IsNotTheDirectoryOfAProcess) {
  EXPECT_THAT(said_after([] { return bind_over("/proc/1", "/proc"); }),
              StartsWith("E_KERNEL: /proc is not a procfs"));
}

TEST_F(ProcfsAtProc, HasNothingMountedOverOurOwnDirectory) {
  for (const auto* other : {"/proc/1", "/tmp"})
    EXPECT_THAT(said_after([&] { return bind_over(other, "/proc/" + std::to_string(::getpid())); }),
                StartsWith("E_KERNEL: /proc"))
        << other;
}

TEST_F(ProcfsAtProc, HasNothingMountedOverOurDescriptors) {
  EXPECT_THAT(said_after([] { return bind_over("/proc/1/fd", "/proc/self/fd"); }),
              StartsWith("E_KERNEL: /proc"));
}

TEST_F(ProcfsAtProc, ShowsOurOwnPidNamespace) {
  const auto said = test::said_by_child([]() -> std::string {
    if (::unshare(CLONE_NEWPID) != 0) return "cannot have pids of its own";
    return test::said_by_child(opened);  // the first process in it
  });

  EXPECT_THAT(said, StartsWith("E_KERNEL: /proc shows another pid namespace"));
}

}  // namespace
}  // namespace nvhook::container
