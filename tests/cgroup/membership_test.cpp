// SPDX-License-Identifier: Apache-2.0
#include "cgroup/membership.hpp"

#include <gtest/gtest.h>

namespace nvhook::cgroup {
namespace {

TEST(CgroupMembership, FindsTheControllersPath) {
  constexpr std::string_view kText =
      "9:name=systemd:/hk1\n5:devices:/docker/abc\n4:cpu,cpuacct:/x\n0::/hk1\n";

  EXPECT_EQ(path_of_controller(kText, "devices"), "/docker/abc");
  EXPECT_EQ(path_of_controller(kText, "cpuacct"), "/x");
  EXPECT_EQ(path_of_controller(kText, ""), "/hk1");
  EXPECT_EQ(path_of_controller(kText, "memory"), std::nullopt);
}

TEST(CgroupMembership, KeepsColonsOfThePath) {
  EXPECT_EQ(path_of_controller("5:devices,freezer:/a:b:c\n", "devices"), "/a:b:c");
}

TEST(CgroupMembership, IsNotFooledByAPathThatLooksLikeAController) {
  EXPECT_EQ(path_of_controller("4:memory:/x:devices:/y\n", "devices"), std::nullopt);
}

TEST(CgroupPath, IsTakenBelowTheRootOfTheMount) {
  EXPECT_EQ(path_below("/docker/abc/x", "/docker/abc"), "/x");
  EXPECT_EQ(path_below("/docker/abc", "/docker/abc"), "/");
  EXPECT_EQ(path_below("/x", "/"), "/x");
  EXPECT_EQ(path_below("/docker/abcd", "/docker/abc"), std::nullopt);
  EXPECT_EQ(path_below("/other", "/docker/abc"), std::nullopt);
}

// What is left is opened below the mount without its slash: there must be one.
TEST(CgroupPath, IsNoneWherePathOrMountIsNotAbsolute) {
  EXPECT_EQ(path_below("", "/"), std::nullopt);
  EXPECT_EQ(path_below("x", "/"), std::nullopt);
  EXPECT_EQ(path_below("", ""), std::nullopt);
  EXPECT_EQ(path_below("/x", ""), std::nullopt);
}

TEST(CgroupProcs, ListWholeNumbersOnly) {
  EXPECT_TRUE(lists_process("1\n4711\n", 4711));
  EXPECT_TRUE(lists_process("4711", 4711));
  EXPECT_FALSE(lists_process("47110\n14711\n-4711\n 4711\n", 4711));
  EXPECT_FALSE(lists_process("", 4711));
}

}  // namespace
}  // namespace nvhook::cgroup
