// SPDX-License-Identifier: Apache-2.0
// Containers in scopes of systemd's keep the GPU that the hook gave them, whatever makes systemd
// set up the devices of a scope anew.
#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "integration/booted_machine.hpp"
#include "integration/scope_container.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kPatience{20};  // nvhook-systemd's own is 10

template <class Condition>
bool becomes_true(const Condition& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// A booted machine; one for all tests of a suite.
class Booted : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!machines_unavailable().empty()) return;
    machine_ = std::make_unique<BootedMachine>();
    if (machine_->is_up()) furnish(*machine_);
  }
  static void TearDownTestSuite() { machine_.reset(); }

  void SetUp() override {
    if (const auto why = machines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(machine_->is_up());
    (void)machine_->run({"rm", "-f", kHookLog});
  }

  static std::unique_ptr<ScopeContainer> new_container(Engine engine, int gpu = 0) {
    static int count = 0;
    return std::make_unique<ScopeContainer>(*machine_, engine, "c" + std::to_string(++count), gpu);
  }
  static void start(ScopeContainer& container, const std::string& hook = kHook,
                    const std::vector<std::string>& options = {}) {
    container.use_hook(hook, options);
    const auto done = container.start();
    ASSERT_EQ(done.status, 0) << done.err;
  }
  static void reload() { systemctl("daemon-reload"); }
  static void systemctl(const std::string& words) {
    const auto done = machine_->sh("systemctl " + words);
    ASSERT_EQ(done.status, 0) << done.err;
  }
  // nvhook does not wait for systemd.
  static void wait_until_told(const ScopeContainer& container,
                              const std::string& node = "/dev/nvidia0 rw") {
    EXPECT_TRUE(becomes_true([&] {
      return container.property("DeviceAllow").find(node) != std::string::npos;
    })) << container.property("DeviceAllow")
        << log();
  }
  static std::string log() { return machine_->run({"cat", kHookLog}).out; }

  static std::unique_ptr<BootedMachine> machine_;
};
std::unique_ptr<BootedMachine> Booted::machine_;

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
  const auto what_there_is = [] {
    return machine_->sh("find /dev /run/systemd/transient /run/nvhook | sort").out;
  };
  start(*new_container(GetParam()));  // makes /run/nvhook
  const auto before = what_there_is();
  auto container = new_container(GetParam());
  start(*container);
  if (systemd_restricts()) wait_until_told(*container);
  const auto scope = container->scope();
  EXPECT_THAT(what_there_is(), HasSubstr("/run/systemd/transient/" + scope));

  container.reset();

  EXPECT_TRUE(becomes_true([&] { return what_there_is() == before; })) << what_there_is();
}

INSTANTIATE_TEST_SUITE_P(Of, Scope, ::testing::Values(Engine::Runc, Engine::Crun),
                         [](const auto& each) {
                           return each.param == Engine::Runc ? "Runc" : "Crun";
                         });

// What systemd restricts: runc's.
using ScopeOfRunc = Booted;

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
