// SPDX-License-Identifier: Apache-2.0
// Device programs of a cgroup and of the scope that it is alone in.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cgroup/v2_fixture.hpp"
#include "support/child.hpp"
#include "support/device_program_text.hpp"
#include "support/device_programs.hpp"

namespace nvhook::test {
namespace {

constexpr DeviceNumber kGpu0{195, 0};
constexpr DeviceNumber kGpu1{195, 1};

// What runc gives a container by default.
const std::vector<bpf_insn>& of_runc() {
  static const auto program = from_file(NVHOOK_DEVICE_PROGRAMS "/runc_default.txt");
  return program;
}

// A scope of systemd's with one cgroup in it, where the processes are: crun's.
class AllowInAScope : public OnCgroupV2 {
 protected:
  void SetUp() override {
    OnCgroupV2::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    std::filesystem::create_directory(scope_);
    container_.emplace(scope_);
    programs_.push_back(load_device_program(of_runc()));
    ASSERT_EQ(attach_device_program(scope_, programs_.back().get()), 0);
  }
  void TearDown() override {
    container_.reset();
    ::rmdir(scope_.c_str());
    OnCgroupV2::TearDown();
  }
  [[nodiscard]] bool may_open(DeviceNumber device) const {
    return container_->open_device(device.major, device.minor, O_RDWR) != EPERM;
  }

  const std::filesystem::path scope_ =
      "/sys/fs/cgroup/nvhook-test-" + std::to_string(::getpid()) + ".scope";
  std::optional<V2Cgroup> container_;
  std::vector<UniqueFd> programs_;
};

TEST_F(AllowInAScope, ExchangesTheProgramsOfBoth) {
  programs_.push_back(load_device_program(of_runc()));
  ASSERT_EQ(attach_device_program(container_->path(), programs_.back().get()), 0);
  const auto before = std::pair(device_programs_of(scope_), device_programs_of(container_->path()));
  const auto cgroup = find(container_->pid());
  ASSERT_TRUE(cgroup) << cgroup.error().text();
  ASSERT_FALSE(may_open(kGpu0));

  const auto granted = cgroup::allow(*cgroup, {kGpu0}, {});

  ASSERT_TRUE(granted) << granted.error().text();
  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_FALSE(may_open(kGpu1));
  EXPECT_TRUE(cgroup::forbid(*cgroup, *granted));
  EXPECT_EQ(std::pair(device_programs_of(scope_), device_programs_of(container_->path())), before);
}

TEST_F(AllowInAScope, ExchangesThatOfTheScopeAlone) {
  const auto cgroup = find(container_->pid());
  ASSERT_TRUE(cgroup) << cgroup.error().text();

  ASSERT_TRUE(cgroup::allow(*cgroup, {kGpu0}, {}));

  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_FALSE(may_open(kGpu1));
}

// A container in a container: the scope is the outer one's.
TEST_F(AllowInAScope, LeavesAScopeThatHasOthersInIt) {
  const V2Cgroup other(scope_);
  const auto cgroup = find(container_->pid());
  ASSERT_TRUE(cgroup) << cgroup.error().text();
  const auto before = device_programs_of(scope_);

  ASSERT_TRUE(cgroup::allow(*cgroup, {kGpu0}, {}));

  EXPECT_EQ(device_programs_of(scope_), before);
  EXPECT_FALSE(may_open(kGpu0));
}

TEST_F(AllowInAScope, LeavesAScopeThatHasProcessesOfItsOwn) {
  const auto said = said_by_child([&]() -> std::string {
    move_to_cgroup(0, scope_);
    const auto cgroup = find(container_->pid());
    return cgroup && !cgroup->scope ? "left" : "changed";
  });

  EXPECT_EQ(said, "left");
}

}  // namespace
}  // namespace nvhook::test
