// SPDX-License-Identifier: Apache-2.0
// Whenever somebody wants the hook to end, the container has everything or nothing.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cstring>
#include <memory>
#include <set>

#include "integration/bundle.hpp"
#include "support/launch.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Scene {
  Scene() {
    bundle.root().symlink(std::string(kLibraryDirectory) + "/libcuda.so.1",
                          "libcuda.so.535.104.05");
    container = std::make_unique<TestContainer>(bundle.root().on_disk());
    before = container->snapshot();
  }
  Bundle bundle;
  std::unique_ptr<TestContainer> container;
  std::vector<std::string> before;
};

struct Interrupting {
  int signal;
  int stride;  // at every how many calls it is tried
};

class Interruption : public ::testing::TestWithParam<Interrupting> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  // Runs the hook, which gets the signal at its n-th call that makes, changes or opens something in
  // the container; how many such calls there were is left in calls_.
  Finished hook_with_signal_at(const Scene& scene, long nth) {
    calls_ = 0;
    return launch({.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}),
                   .input = scene.container->state(scene.bundle.path()),
                   .watch = [&](const WatchedCall& call) -> Answer {
                     if (call.by_program && kCalls.contains(call.number) && ++calls_ == nth)
                       ::kill(call.pid, GetParam().signal);
                     return {};
                   }});
  }

  inline static const std::set<int> kCalls = {
      SYS_setns, SYS_openat2,    SYS_mknodat,   SYS_mkdirat,  SYS_symlinkat,
      SYS_statx, SYS_move_mount, SYS_renameat2, SYS_unlinkat, SYS_write};
  long calls_ = 0;
};

TEST_P(Interruption, LeavesAWholeContainerOrNone) {
  constexpr long kNever = 0;
  auto scene = std::make_unique<Scene>();
  ASSERT_EQ(hook_with_signal_at(*scene, kNever).status, 0);
  const long calls = calls_;
  scene = std::make_unique<Scene>();
  int killed = 0;
  int undone = 0;
  int whole = 0;
  for (long nth = 1; nth <= calls; nth += GetParam().stride) {
    const auto done = hook_with_signal_at(*scene, nth);
    if (done.status == 0) {
      // It came when all was done.
      EXPECT_EQ(done.err, "") << "call " << nth;
      EXPECT_THAT(scene->container->device_rules(), HasSubstr("c 195:0 rw"));
      EXPECT_TRUE(std::filesystem::exists(scene->container->inside("/dev/nvidia0")));
      ++whole;
      scene = std::make_unique<Scene>();
      continue;
    }
    if (done.status == 128 + GetParam().signal) {
      EXPECT_EQ(undone, 0) << "call " << nth << ": it died while it changed the container";
      ++killed;
    } else {
      EXPECT_EQ(done.status, 5) << "call " << nth << ": " << done.err;
      EXPECT_THAT(done.err, StartsWith("nvhook: E_INTERRUPTED: "));
      ++undone;
    }
    ASSERT_EQ(scene->container->changes_since(scene->before), "") << "call " << nth;
  }
  // Most of its calls are spent in the container.
  EXPECT_GT(undone, 100 / GetParam().stride);
  EXPECT_GT(killed, 10 / GetParam().stride);
  EXPECT_LT(whole, 10);
}

INSTANTIATE_TEST_SUITE_P(BySignal, Interruption,
                         ::testing::Values(Interrupting{SIGTERM, 1}, Interrupting{SIGALRM, 7}),
                         [](const auto& each) {
                           return std::string(::sigabbrev_np(each.param.signal));
                         });

}  // namespace
}  // namespace nvhook::test
