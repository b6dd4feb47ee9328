// SPDX-License-Identifier: Apache-2.0
// What a container sees of the driver in its procfs.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "integration/bundle.hpp"
#include "support/driver_in_procfs.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kDirectory = "/proc/driver/nvidia";
constexpr auto kFirst = "/proc/driver/nvidia/gpus/0000:01:00.0/information";
constexpr auto kSecond = "/proc/driver/nvidia/gpus/0000:09:00.0/information";

int show_driver(const fs::path& rootfs) { return show_driver_in(rootfs / "proc"); }

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// With the program of this kernel and with that of an older one.
class DriverView : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  Finished hook(const TestContainer& container) {
    bundle_.write();
    auto command = nvhook_on(NVHOOK_SIMULATED_HOST);
    command[0] = GetParam();
    return run(command, container.state(bundle_.path()));
  }

  Bundle bundle_;
};

TEST_P(DriverView, HasTheGrantedGpuAndNoOther) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=1");
  const TestContainer container(bundle_.root().on_disk(), {.further = show_driver});

  const auto done = hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, Not(HasSubstr("W_PROCFS_SKIPPED")));
  EXPECT_FALSE(fs::exists(container.inside(kFirst)));
  EXPECT_EQ(text_of(container.inside(kSecond)),
            text_of(NVHOOK_SIMULATED_HOST + std::string(kSecond)));
  EXPECT_THAT(text_of(container.inside("/proc/driver/nvidia/params")),
              HasSubstr("\nModifyDeviceFiles: 0\nDeviceFileUID: 0\n"));
  EXPECT_THAT(text_of(container.inside("/proc/driver/nvidia/version")), HasSubstr(kVersion));
  EXPECT_FALSE(fs::exists(container.inside("/proc/driver/nvidia/suspend")));
}

TEST_P(DriverView, IsOneReadOnlyMount) {
  const TestContainer container(bundle_.root().on_disk(), {.further = show_driver});

  ASSERT_EQ(hook(container).status, 0);

  std::size_t found = 0;
  for (const auto& mount : mounts_below(container.mountinfo(), bundle_.root().on_disk()))
    if (mount.point.starts_with(kDirectory)) {
      ++found;
      EXPECT_EQ(mount.point, kDirectory);
      EXPECT_EQ(mount.options, "ro,nosuid,nodev,noexec");
    }
  EXPECT_EQ(found, 1U);
}

TEST_P(DriverView, IsThereForAContainerWithAUserNamespace) {
  fs::permissions(bundle_.root().on_disk(), fs::perms{0755});
  const TestContainer container(bundle_.root().on_disk(),
                                {.user_namespace = TestContainer::UserNamespace::from(0, 65536),
                                 .pid_namespace = true,
                                 .further = show_driver});

  const auto done = hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(fs::exists(container.inside(kFirst)));
}

TEST_P(DriverView, GoesWithTheRestWhenTheRunFails) {
  const TestContainer container(bundle_.root().on_disk(), {.further = show_driver});
  // The devices come after all mounts: a parent cgroup does not allow them.
  const auto before = container.mountinfo();
  std::ofstream(container.cgroup() / "devices.deny") << "a";
  const auto below = container.cgroup() / "below";
  ASSERT_TRUE(fs::create_directory(below));
  std::ofstream(below / "cgroup.procs") << container.pid();

  const auto done = hook(container);

  EXPECT_EQ(done.status, 5) << done.err;
  EXPECT_THAT(done.err, HasSubstr("E_CGROUP"));
  EXPECT_EQ(container.mountinfo(), before);
  std::ofstream(container.cgroup() / "cgroup.procs") << container.pid();
  fs::remove(below);
}

TEST_P(DriverView, IsLeftOutWhereThisKernelShowsNoDriver) {
  if (fs::exists(kDirectory)) GTEST_SKIP() << "this machine has a driver";
  const TestContainer container(bundle_.root().on_disk());

  const auto omitted = bundle_.plan(container)["omitted"];
  const auto done = hook(container);

  EXPECT_EQ(done.status, 0);
  EXPECT_EQ(done.err, "");
  EXPECT_TRUE(std::ranges::any_of(omitted, [](const auto& each) {
    return each["path"].template get<std::string>().ends_with(kDirectory);
  }));
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, DriverView,
                         ::testing::Values(NVHOOK_PROGRAM, NVHOOK_ON_AN_OLDER_KERNEL),
                         [](const auto& tested) {
                           return tested.param == std::string(NVHOOK_PROGRAM) ? "Detached"
                                                                              : "Classic";
                         });

}  // namespace
}  // namespace nvhook::test
