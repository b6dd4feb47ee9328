// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "nvhook/cgroup/devices.hpp"

namespace nvhook::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What runc writes for a default bundle.
constexpr std::string_view kDefault =
    "b *:* m\nc *:* m\nc 1:3 rwm\nc 5:0 rwm\nc 136:* rwm\nc 10:200 rwm\n";

TEST(DeviceRules, LackWhatNoRuleCovers) {
  EXPECT_THAT(*lacking(kDefault, {{195, 0}, {1, 3}, {136, 7}}), ElementsAre(DeviceNumber{195, 0}));
}

TEST(DeviceRules, LackNothingUnderAnAllowAllRule) {
  EXPECT_THAT(*lacking("a *:* rwm\n", {{195, 0}}), IsEmpty());
}

TEST(DeviceRules, NeedBothReadAndWrite) {
  EXPECT_THAT(*lacking("c 195:* r\nc 195:0 wm\n", {{195, 0}}), ElementsAre(DeviceNumber{195, 0}));
  EXPECT_THAT(*lacking("c 195:* rw\n", {{195, 0}}), IsEmpty());
}

TEST(DeviceRules, DoNotTakeABlockDeviceForACharacterDevice) {
  EXPECT_THAT(*lacking("b 195:0 rwm\n", {{195, 0}}), ElementsAre(DeviceNumber{195, 0}));
}

TEST(DeviceRules, NameADeviceOnce) {
  EXPECT_THAT(*lacking("", {{195, 0}, {195, 0}}), ElementsAre(DeviceNumber{195, 0}));
}

TEST(DeviceRules, RefuseTextOfAnotherForm) {
  for (const auto* text : {"d 1:1 rw\n", "c 1 rw\n", "c 1:x rw\n", "c\n", "\n"})
    EXPECT_EQ(lacking(text, {}).error().id(), ErrorId::Cgroup) << text;
}

}  // namespace
}  // namespace nvhook::cgroup
