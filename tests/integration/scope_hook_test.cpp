// SPDX-License-Identifier: Apache-2.0
// Containers in scopes of systemd's keep the GPU that the hook gave them, whatever makes systemd
// set up the devices of a scope anew.
#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "integration/scope_test.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Scope : public Booted, public ::testing::WithParamInterface<Engine> {
 protected:
  // crun leaves the scope's devices alone, and has a cgroup below it with a filter of its own.
  static bool systemd_restricts() { return GetParam() == Engine::Runc; }
};

TEST_P(Scope, KeepsItsGpu) {
  const auto container = new_container(GetParam());
  start(*container);
  EXPECT_EQ(container->access(), kHasItsGpu);
  if (systemd_restricts()) wait_until_told(*container);

  std::vector<std::string> occasions = {
      "daemon-reload", "daemon-reexec",
      "set-property --runtime " + container->scope() + " TasksMax=1000", "daemon-reload"};
  // To an empty list it is an order to forbid all else.
  if (systemd_restricts())
    occasions.push_back("set-property --runtime " + container->scope() +
                        " 'DeviceAllow=/dev/fuse rw'");
  for (const auto& occasion : occasions) {
    systemctl(occasion);
    EXPECT_EQ(container->access(), kHasItsGpu) << occasion;
  }
  EXPECT_THAT(log(), Not(HasSubstr("W_SYSTEMD")));
}

TEST_P(Scope, IsLeftAloneWhereTheContainerMayUseAllDevices) {
  const auto container = new_container(GetParam());
  container->config["linux"]["resources"]["devices"] = {{{"allow", true}, {"access", "rwm"}}};

  start(*container);

  EXPECT_EQ(container->access(), kHasAll);
  reload();
  EXPECT_EQ(container->access(), kHasAll);
  EXPECT_EQ(container->property("DevicePolicy"), "auto");
  EXPECT_EQ(container->property("DeviceAllow"), "");
  EXPECT_THAT(log(), Not(HasSubstr("W_SYSTEMD")));
}

TEST_P(Scope, LeavesNothing) {
  const auto listing = [](const std::string& directories) {
    return machine_->sh("find " + directories + " | sort").out;
  };
  constexpr auto kOurs = "/run/systemd/transient /run/nvhook";
  start(*new_container(GetParam()));  // makes /run/nvhook
  const auto devices = listing("/dev");
  const auto before = listing(kOurs);
  auto container = new_container(GetParam());
  start(*container);
  if (systemd_restricts()) wait_until_told(*container);
  EXPECT_THAT(listing(kOurs), HasSubstr("/run/systemd/transient/" + container->scope()));
  EXPECT_EQ(listing("/dev"), devices);
  // As a nvhook-systemd that was killed leaves it: systemd knows nothing of it.
  const auto folder = "/run/systemd/transient/" + container->scope() + ".d";
  ASSERT_EQ(machine_->sh("mkdir -p " + folder + " && : >" + folder + "/50-nvhook.conf").status, 0);

  container.reset();

  EXPECT_TRUE(becomes_true([&] { return listing(kOurs) == before; })) << listing(kOurs);
  EXPECT_EQ(listing("/dev"), devices);
}

INSTANTIATE_TEST_SUITE_P(Of, Scope, ::testing::Values(Engine::Runc, Engine::Crun),
                         [](const auto& each) {
                           return each.param == Engine::Runc ? "Runc" : "Crun";
                         });

// Those whose devices systemd restricts.
using ScopeOfRunc = Booted;

// runc lets systemd set the limit, and systemd the devices with it. (It fails afterwards where the
// limit's controller is not there.)
TEST_F(ScopeOfRunc, KeepsItsGpuWhenItsLimitsAreUpdated) {
  const auto container = new_container(Engine::Runc);
  start(*container);
  wait_until_told(*container);

  (void)container->engine("update --pids-limit 500");

  EXPECT_EQ(container->property("TasksMax"), "500");
  EXPECT_EQ(container->access(), kHasItsGpu);
}

TEST_F(ScopeOfRunc, KeepsItsGpuBesideAnother) {
  const auto one = new_container(Engine::Runc, 0);
  auto other = new_container(Engine::Runc, 1);
  start(*one);
  start(*other);
  wait_until_told(*one);
  wait_until_told(*other, "/dev/nvidia1 rw");

  reload();

  EXPECT_EQ(one->access(), kHasItsGpu);
  EXPECT_EQ(other->access(), kHasItsGpu);
  other.reset();
  reload();
  EXPECT_EQ(one->access(), kHasItsGpu);
}

// systemd takes paths below /dev only.
TEST_F(ScopeOfRunc, KeepsAGpuWhoseNodeIsElsewhere) {
  const auto container = new_container(Engine::Runc);
  start(*container, kHook, {"--dev-root", kDriver});
  wait_until_told(*container, "/dev/char/195:0 rw");

  reload();

  EXPECT_EQ(container->access(), kHasItsGpu);
  EXPECT_EQ(machine_->sh("ls /dev/char/195:0").status, 2);
}

// The control: what the tests above look for happens where systemd is not told.
class UntoldScopeOfRunc : public Booted, public ::testing::WithParamInterface<const char*> {};

TEST_P(UntoldScopeOfRunc, LosesItsGpu) {
  const auto container = new_container(Engine::Runc);
  start(*container, GetParam());
  EXPECT_EQ(container->access(), kHasItsGpu);
  EXPECT_THAT(log(), HasSubstr("W_SYSTEMD: systemd does not know that \\\"" + container->scope()));

  reload();

  EXPECT_EQ(container->access(), kHasNone);
}

INSTANTIATE_TEST_SUITE_P(By, UntoldScopeOfRunc, ::testing::Values(kHookAlone, kHookBroken),
                         [](const auto& each) {
                           return each.param == kHookAlone ? "AHookAlone" : "ABrokenHook";
                         });

}  // namespace
}  // namespace nvhook::test
