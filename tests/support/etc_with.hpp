// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <string>
#include <string_view>

#include "support/fake_root.hpp"

namespace nvhook::test {

// While it lives, /etc of this process and of those that it starts has one file more, in a mount
// namespace of their own. Needs root.
class EtcWith {
 public:
  // `path` is below /etc: "/nvhook/config.toml".
  EtcWith(std::string_view path, std::string_view content) {
    more_.file(path, content);
    EXPECT_EQ(::unshare(CLONE_NEWNS), 0);
    EXPECT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    const auto options = "lowerdir=" + more_.on_disk().string() + ":/etc";
    mounted_ = ::mount("overlay", "/etc", "overlay", MS_RDONLY, options.c_str()) == 0;
    EXPECT_TRUE(mounted_);
  }
  EtcWith(const EtcWith&) = delete;
  EtcWith& operator=(const EtcWith&) = delete;
  ~EtcWith() {
    if (mounted_) ::umount2("/etc", MNT_DETACH);
  }

 private:
  FakeRoot more_;
  bool mounted_ = false;
};

}  // namespace nvhook::test
