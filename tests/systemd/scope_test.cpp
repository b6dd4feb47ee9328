// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/scope.hpp"

#include <gtest/gtest.h>

namespace nvhook::systemd {
namespace {

// Its name.
std::optional<std::string> scope_in_text(const std::string& text) {
  const auto scope = scope_of(text);
  return scope ? std::optional(scope->name) : std::nullopt;
}

std::optional<std::string> scope_at(const std::string& path) {
  return scope_in_text("0::" + path + "\n");
}

TEST(Scope, IsTheUnitBelowTheSlices) {
  EXPECT_EQ(scope_at("/system.slice/runc-c1.scope"), "runc-c1.scope");
  EXPECT_EQ(scope_at("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/"
                     "cri-containerd-0a.scope"),
            "cri-containerd-0a.scope");
  EXPECT_EQ(scope_at("/c.scope"), "c.scope");
}

TEST(Scope, IsFoundFromTheSubCgroupThatCrunMakes) {
  EXPECT_EQ(scope_at("/machine.slice/libpod-0a.scope/container"), "libpod-0a.scope");
  EXPECT_EQ(scope_at("/machine.slice/libpod-0a.scope/init.scope"), "libpod-0a.scope");
}

TEST(Scope, IsNotThatOfAContainerAroundThisOne) {
  EXPECT_EQ(scope_at("/system.slice/docker-0a.scope/docker/0b"), std::nullopt);
  EXPECT_EQ(scope_at("/system.slice/slurmstepd.scope/job_1/step_0/user/task_0"), std::nullopt);
}

TEST(Scope, IsNotThatOfAUsersOwnSystemd) {
  EXPECT_EQ(scope_at("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-0a.scope"),
            std::nullopt);
}

TEST(Scope, IsNoneWhereTheEngineMadeTheCgroupItself) {
  for (const auto* path : {"/", "/docker/0a", "/system.slice/docker.service/0a", "/system.slice",
                           "/../c.scope", "/x/c.scope", "/system.slice/c.scope.d", "c.scope", ""})
    EXPECT_EQ(scope_at(path), std::nullopt) << path;
}

TEST(Scope, LosesTheEscapeOfItsCgroupAndKeepsThatOfItsName) {
  EXPECT_EQ(scope_at("/system.slice/_cpu.scope"), "cpu.scope");
  EXPECT_EQ(scope_at(R"(/system.slice/docker-a\x2db.scope)"), R"(docker-a\x2db.scope)");
}

TEST(Scope, IsThatOfTheNamedHierarchyWhereTheUnifiedOneHasNone) {
  EXPECT_EQ(scope_in_text("5:devices:/system.slice/x.scope\n"
                     "1:name=systemd:/system.slice/runc-c1.scope\n"
                     "0::/\n"),
            "runc-c1.scope");
  EXPECT_EQ(scope_in_text("1:name=systemd:/system.slice/old.scope\n"
                     "0::/system.slice/new.scope"),
            "new.scope");
  EXPECT_EQ(scope_in_text("5:devices:/system.slice/x.scope\n"), std::nullopt);
}

TEST(Scope, IsNoneForTextThatTheKernelDoesNotWrite) {
  for (const auto* text : {"", "\n", ":", "0", "0:", "0::", "0::\n", "name=systemd:/c.scope",
                           "0:x:/c.scope", "0::/a.slice//c.scope"})
    EXPECT_EQ(scope_in_text(text), std::nullopt) << text;
}

TEST(Scope, IsSystemdsWhereItsSliceIs) {
  const auto in_system = *scope_of("0::/system.slice/c.scope\n");
  const auto deep = *scope_of("0::/a.slice/a-b.slice/c.scope/container\n");
  const auto on_top = *scope_of("0::/c.scope/container\n");

  EXPECT_TRUE(is_systemds(in_system, "[Unit]\n[Scope]\nSlice=system.slice\nDelegate=yes\n"));
  EXPECT_TRUE(is_systemds(in_system, "[Scope]\nDelegate=yes\n"));
  EXPECT_TRUE(is_systemds(deep, "[Scope]\nSlice=a-b.slice\n"));
  EXPECT_TRUE(is_systemds(on_top, "[Scope]\nSlice=-.slice\n"));

  EXPECT_FALSE(is_systemds(on_top, "[Scope]\nSlice=system.slice\n"));
  EXPECT_FALSE(is_systemds(on_top, ""));
  EXPECT_FALSE(is_systemds(deep, "[Scope]\nSlice=a.slice\n"));
}

TEST(ScopeName, HasTheCharactersOfUnitNames) {
  EXPECT_TRUE(is_scope("a.scope"));
  EXPECT_TRUE(is_scope(R"(cri-o:aZ_09\x2d@..scope)"));
  EXPECT_TRUE(is_scope(std::string(249, 'a') + ".scope"));

  EXPECT_FALSE(is_scope(std::string(250, 'a') + ".scope"));
  for (const auto* name : {"", ".scope", "a", "a.service", "a.scopes", "a/b.scope", "../a.scope",
                           "a b.scope", "a\n.scope", "a%n.scope", "a*.scope", "\xc3\xa4.scope"})
    EXPECT_FALSE(is_scope(name)) << name;
  EXPECT_FALSE(is_scope(std::string("a\0.scope", 8)));
}

}  // namespace
}  // namespace nvhook::systemd
