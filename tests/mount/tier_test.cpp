// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/tier.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "support/take_away_calls.hpp"

namespace nvhook::mount {
namespace {

enum class Found { Detached, Classic, Forbidden, Other };

// What is found by a process for which some calls answer `error`.
Found tier_without(const std::vector<std::string>& calls, int error) {
  const pid_t child = ::fork();
  if (child == 0) {
    test::take_away_calls(calls, error);
    const auto tier = find_tier();
    const auto found = tier ? (*tier == Tier::Detached ? Found::Detached : Found::Classic)
                       : tier.error().id() == ErrorId::Kernel ? Found::Forbidden
                                                              : Found::Other;
    ::_exit(static_cast<int>(found));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<Found>(WEXITSTATUS(status)) : Found::Other;
}

class TierOf : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount calls";
  }
};

TEST_F(TierOf, AKernelWithAllCallsIsDetached) {
  EXPECT_EQ(tier_without({}, ENOSYS), Found::Detached);
  EXPECT_EQ(tier_without({"openat2", "fsopen", "statmount"}, ENOSYS), Found::Detached);
}

TEST_F(TierOf, AKernelThatLacksOneCallIsClassic) {
  for (const std::string call : {"open_tree", "move_mount", "mount_setattr"})
    EXPECT_EQ(tier_without({call}, ENOSYS), Found::Classic) << call;
  EXPECT_EQ(tier_without(test::new_kernel_calls(), ENOSYS), Found::Classic);
}

// A filter that forbids the calls may also forbid what would be done instead.
TEST_F(TierOf, AFilterIsNotTakenForAnOldKernel) {
  for (const std::string call : {"open_tree", "move_mount", "mount_setattr"})
    EXPECT_EQ(tier_without({call}, EPERM), Found::Forbidden) << call;
}

TEST_F(TierOf, AFilterSaysWhatIsForbidden) {
  const pid_t child = ::fork();
  if (child == 0) {
    test::take_away_calls(std::vector<std::string>{"move_mount"}, EPERM);
    const auto tier = find_tier();
    const bool named =
        !tier && tier.error().text().find("move_mount is forbidden") != std::string::npos;
    ::_exit(named ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace nvhook::mount
