// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "nvhook/cgroup/devices.hpp"
#include "support/v2_cgroup.hpp"

namespace nvhook::test {

// Tests in a mount namespace of their own, in which the machine has cgroup v2 only. Needs root.
class OnCgroupV2 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount(2), bpf(2)";
    before_ = UniqueFd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "unshare(CLONE_NEWNS)";
    ASSERT_TRUE(show_cgroup_v2_only());
  }

  void TearDown() override {
    if (before_) {
      ASSERT_EQ(::setns(before_.get(), CLONE_NEWNS), 0);
    }
  }

  // As a hook looks for it.
  static Result<cgroup::DeviceCgroup> find(pid_t pid) {
    auto procfs = container::open_procfs();
    if (!procfs) return std::unexpected(std::move(procfs).error());
    const auto process = container::pin(*procfs, pid);
    if (!process) return std::unexpected(process.error());
    return cgroup::find_devices(*procfs, *process);
  }

  static std::string complaint(pid_t pid) {
    const auto found = find(pid);
    return found ? "found " + found->path : found.error().text();
  }

 private:
  UniqueFd before_;  // the mount namespace of this process
};

}  // namespace nvhook::test
