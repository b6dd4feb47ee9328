// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
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
    view_.emplace();
  }
  void TearDown() override { view_.reset(); }

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
  std::optional<CgroupV2Only> view_;
};

}  // namespace nvhook::test
