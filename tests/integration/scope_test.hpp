// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "integration/booted_machine.hpp"
#include "integration/scope_container.hpp"

namespace nvhook::test {

inline constexpr std::chrono::seconds kPatience{20};  // nvhook-systemd's own is 10

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
    if (machine_->trouble().empty()) furnish(*machine_);
  }
  static void TearDownTestSuite() { machine_.reset(); }

  void SetUp() override {
    if (const auto why = machines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_EQ(machine_->trouble(), "");
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

  inline static std::unique_ptr<BootedMachine> machine_;
};

}  // namespace nvhook::test
