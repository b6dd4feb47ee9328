// SPDX-License-Identifier: Apache-2.0
// All or nothing: whichever call fails, the container is as it was.
#include <gmock/gmock.h>

#include <cerrno>
#include <fstream>
#include <memory>

#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

// A container with something to exchange, something to cover and something to make.
struct Scene {
  Scene() {
    const std::string directory = kLibraryDirectory;
    bundle.root()
        .symlink(directory + "/libcuda.so.1", "libcuda.so.535.104.05")
        .file(directory + "/libnvidia-ml.so.1", "the image's");
    std::filesystem::remove(bundle.root().on_disk("/usr/bin"));
    container = std::make_unique<TestContainer>(bundle.root().on_disk());
    before = container->snapshot();
  }
  Bundle bundle;
  std::unique_ptr<TestContainer> container;
  std::vector<std::string> before;
};

class Undo : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  // Runs the hook with its n-th call failing; how many calls it made is left in calls_.
  Finished hook_with_failure(const Scene& scene, long nth) {
    const auto count = scratch_.on_disk("/count").string();
    std::vector<std::string> arguments = {NVHOOK_FAIL_CALL, std::to_string(nth),
                                          std::to_string(GetParam()), count};
    const auto nvhook = nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"});
    arguments.insert(arguments.end(), nvhook.begin(), nvhook.end());
    auto finished = run(arguments, scene.container->state(scene.bundle.path()));
    std::ifstream(count) >> calls_;
    return finished;
  }

  FakeRoot scratch_;
  long calls_ = 0;
};

// Every call in turn, with an error that the kernel gives in life.
TEST_P(Undo, LeavesTheContainerAsItWas) {
  auto scene = std::make_unique<Scene>();
  int failures = 0;
  for (long nth = 1; nth == 1 || nth <= calls_; ++nth) {
    const auto done = hook_with_failure(*scene, nth);
    ASSERT_LT(done.status, 64) << "call " << nth << ": " << done.err;
    if (done.status == 0) {
      // The hook can do without some files, and is done then: the next try needs a new container.
      scene = std::make_unique<Scene>();
      continue;
    }
    ++failures;
    EXPECT_THAT(done.err, ::testing::StartsWith("nvhook: E_")) << "call " << nth;
    ASSERT_EQ(scene->container->changes_since(scene->before), "")
        << "call " << nth << ": " << done.err;
  }
  // More than the mounts and links of the plan, each of which takes several calls.
  EXPECT_GT(failures, 100);
}

INSTANTIATE_TEST_SUITE_P(WhateverTheError, Undo, ::testing::Values(EPERM, ENOSPC, EIO),
                         [](const auto& each) { return std::string(strerrorname_np(each.param)); });

}  // namespace
}  // namespace nvhook::test
