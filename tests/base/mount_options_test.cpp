// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/mount_options.hpp"

#include <gmock/gmock.h>

namespace nvhook {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MountOptions, AreNamedInTheOrderOfMountinfo) {
  EXPECT_THAT(names_of({}), IsEmpty());
  EXPECT_THAT(names_of({.ro = true, .nosuid = true, .nodev = true, .noexec = true}),
              ElementsAre("ro", "nosuid", "nodev", "noexec"));
  EXPECT_THAT(names_of({.ro = true}), ElementsAre("ro"));
  EXPECT_THAT(names_of({.nosuid = true}), ElementsAre("nosuid"));
  EXPECT_THAT(names_of({.nodev = true}), ElementsAre("nodev"));
  EXPECT_THAT(names_of({.noexec = true}), ElementsAre("noexec"));
}

TEST(MountOptions, LetFilesBeExecutedAndNodesBeDevices) {
  EXPECT_THAT(names_of(kFileMount), ElementsAre("ro", "nosuid", "nodev"));
  EXPECT_THAT(names_of(kDeviceMount), ElementsAre("ro", "nosuid", "noexec"));
}

}  // namespace
}  // namespace nvhook
