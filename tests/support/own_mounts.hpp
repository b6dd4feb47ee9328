// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "support/fake_root.hpp"

namespace nvhook::test {

// Tests that mount things: each in a mount namespace of its own, of which the machine sees nothing,
// and in which root_ is a mount like a container's root file system. Needs root.
class OwnMounts : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount(2)";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "unshare(CLONE_NEWNS)";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount(path("/").c_str(), path("/").c_str(), nullptr, MS_BIND, nullptr), 0);
    bound_ = true;
  }

  // With everything that was mounted over and below it, so that the tree can be removed.
  void TearDown() override {
    while (bound_ && ::umount2(path("/").c_str(), MNT_DETACH) == 0) {
    }
  }

  [[nodiscard]] std::string path(std::string_view inside) const {
    return root_.on_disk(inside).string();
  }

  // A tmpfs at a directory of root_.
  void mount_tmpfs(std::string_view at, const char* options = "mode=755") {
    ASSERT_EQ(::mount("tmpfs", path(at).c_str(), "tmpfs", 0, options), 0) << at;
  }

  [[nodiscard]] static std::string mountinfo() {
    std::ostringstream text;
    text << std::ifstream("/proc/self/mountinfo").rdbuf();
    return text.str();
  }

  FakeRoot root_;

 private:
  bool bound_ = false;
};

}  // namespace nvhook::test
