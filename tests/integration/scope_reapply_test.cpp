// SPDX-License-Identifier: Apache-2.0
// Containers in scopes of systemd's that have lost their GPU get it back.
#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "integration/scope_test.hpp"
#include "support/device_programs.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;

class ScopeThatLostItsGpu : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    if (IsSkipped()) return;
    container_ = new_container(Engine::Runc);
    start(*container_, kHookAlone);
    reload();
    ASSERT_EQ(container_->access(), kHasNone);
  }
  void TearDown() override {
    container_.reset();
    Booted::TearDown();
  }
  static Finished reapply(const std::string& words, const std::string& hook = kHook) {
    return machine_->sh(hook + " reapply " + words);
  }
  [[nodiscard]] std::size_t attached() const {
    return device_programs_of(machine_->cgroup() / "system.slice" / container_->scope()).ids.size();
  }

  std::unique_ptr<ScopeContainer> container_;
};

TEST_F(ScopeThatLostItsGpu, GetsItBackForGood) {
  EXPECT_EQ(attached(), 2U);  // runc's and systemd's

  const auto done = reapply(container_->id());

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("systemd lets " + container_->scope() +
                                  " have its 4 devices from now on\n"));
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(container_->access(), kHasItsGpu);
  for (const auto* occasion : {"daemon-reload", "daemon-reexec", "daemon-reload"}) {
    systemctl(occasion);
    EXPECT_EQ(container_->access(), kHasItsGpu) << occasion;
    EXPECT_EQ(attached(), 2U) << occasion;
  }
}

TEST_F(ScopeThatLostItsGpu, GetsItBackUntilTheNextTimeWhereSystemdCannotBeTold) {
  const auto done = reapply("--pid " + container_->pid(), kHookAlone);

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("allowed again: c 195:0 rw  /dev/nvidia0"));
  EXPECT_THAT(done.err, HasSubstr("W_SYSTEMD"));
  EXPECT_EQ(container_->access(), kHasItsGpu);
  reload();
  EXPECT_EQ(container_->access(), kHasNone);
}

using ScopeRestrictedSince = Booted;

// Not even where nvhook could not tell systemd.
TEST_F(ScopeRestrictedSince, IsNotSpokenOfBefore) {
  const auto container = new_container(Engine::Crun);
  start(*container);

  const auto done = machine_->sh(std::string(kHookAlone) + " reapply " + container->id());

  EXPECT_EQ(done.status, 0);
  EXPECT_EQ(done.out, "nothing was missing: the container may open its 4 devices\n");
  EXPECT_EQ(done.err, "");
}

// The administrator has said which devices crun's scope may use, and has forgotten the GPU.
TEST_F(ScopeRestrictedSince, GetsItsGpuBack) {
  const auto container = new_container(Engine::Crun);
  start(*container);
  systemctl("set-property --runtime " + container->scope() + " 'DeviceAllow=/dev/fuse rw'");
  ASSERT_EQ(container->access(), kHasNone);

  const auto done = machine_->sh(std::string(kHook) + " reapply " + container->id());

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(container->access(), kHasItsGpu);
  reload();
  EXPECT_EQ(container->access(), kHasItsGpu);
}

}  // namespace
}  // namespace nvhook::test
