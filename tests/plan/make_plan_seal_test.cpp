// SPDX-License-Identifier: Apache-2.0
// Which mounts a plan seals.
#include <gmock/gmock.h>

#include "nvhook/plan/make_plan.hpp"
#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;

TEST_F(PlanOf, AContainerThatMayRemountGetsSealedFilesAndPlainNodes) {
  config_.sys_admin = true;

  for (const auto& mount : plan().mounts)
    EXPECT_EQ(mount.sealed, mount.kind != Kind::Device) << mount.target.value;
}

TEST_F(PlanOf, AContainerThatMayRemountGetsSealedWhatCoversAFile) {
  config_.sys_admin = true;
  found_[library("libcuda.so.1")] = standing(Standing::File);

  const auto covering = onto(plan(), kLibraries + "libcuda.so.1");

  ASSERT_EQ(covering.size(), 1U);
  EXPECT_TRUE(covering[0].sealed);
}

TEST_F(PlanOf, OthersGetPlainMounts) {
  EXPECT_THAT(plan().mounts, Each(Field(&Mount::sealed, false)));

  config_.sys_admin = true;
  config_.namespaces = {{.type = "mount", .path = ""}, {.type = "user", .path = ""}};
  EXPECT_THAT(plan().mounts, Each(Field(&Mount::sealed, false)));
}

// A namespace may be named in config.json and be this host's own.
TEST_F(PlanOf, TheKernelsWordOfAUserNamespaceCountsMore) {
  config_.sys_admin = true;
  config_.namespaces = {{.type = "user", .path = "/proc/1/ns/user"}};
  own_user_namespace_ = false;
  EXPECT_THAT(plan().mounts, Contains(Field(&Mount::sealed, true)));

  config_.namespaces.clear();
  own_user_namespace_ = true;
  EXPECT_THAT(plan().mounts, Each(Field(&Mount::sealed, false)));
}

}  // namespace
}  // namespace nvhook::plan
