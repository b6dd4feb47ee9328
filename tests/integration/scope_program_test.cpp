// SPDX-License-Identifier: Apache-2.0
// A scope for which systemd puts back a program of the runtime's: newer versions of crun make such.
#include <gmock/gmock.h>

#include <string>

#include "integration/scope_test.hpp"
#include "support/device_program_text.hpp"
#include "support/device_programs.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;

class ScopeWithAProgram : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    if (IsSkipped()) return;
    const auto no = load_device_program(from_text("b7 r0 r0 +0 0\n95 r0 r0 +0 0\n"), "says_no");
    ASSERT_EQ(machine_->sh("mount -t bpf bpf /sys/fs/bpf").status, 0);
    ASSERT_EQ(pin_device_program(machine_->file("/sys/fs/bpf/no"), no.get()), 0);
    const auto started = machine_->sh(
        "systemd-run --quiet --scope --unit=c -p BPFProgram=device:/sys/fs/bpf/no sleep 1000 "
        ">/dev/null 2>&1 &");
    ASSERT_EQ(started.status, 0) << started.err;
    EXPECT_TRUE(becomes_true([&] { return programs() == 1; }));
  }
  void TearDown() override {
    if (!IsSkipped()) (void)machine_->sh("systemctl stop c.scope; umount /sys/fs/bpf");
    Booted::TearDown();
  }
  [[nodiscard]] static std::size_t programs() {
    return device_programs_of(machine_->cgroup() / "system.slice/c.scope").ids.size();
  }
};

// systemd's list counts beside the program, and not instead of it.
TEST_F(ScopeWithAProgram, CannotBeHelped) {
  const auto told = machine_->sh("/usr/local/bin/nvhook-systemd c.scope /dev/nvidia0");

  EXPECT_EQ(told.status, 5);
  EXPECT_THAT(told.err, HasSubstr("E_SYSTEMD: the runtime has given it a device program to put"));
  EXPECT_EQ(programs(), 1U);
  systemctl("set-property --runtime c.scope 'DeviceAllow=/dev/nvidia0 rw'");
  reload();
  EXPECT_EQ(programs(), 2U);
}

}  // namespace
}  // namespace nvhook::test
