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

constexpr Lack lack_of(DeviceNumber device, std::string_view letters) {
  return {.device = device, .read = letters.contains('r'), .write = letters.contains('w')};
}

TEST(DeviceRules, LackWhatNoRuleCovers) {
  EXPECT_THAT(*lacking(kDefault, {{195, 0}, {1, 3}, {136, 7}}),
              ElementsAre(lack_of({195, 0}, "rw")));
}

TEST(DeviceRules, LackNothingUnderAnAllowAllRule) {
  EXPECT_THAT(*lacking("a *:* rwm\n", {{195, 0}}), IsEmpty());
}

// The kernel wants one rule that has all that is asked for.
TEST(DeviceRules, DoNotAddUpOverSeveral) {
  EXPECT_THAT(*lacking("c 195:* r\nc *:* w\n", {{195, 0}}), ElementsAre(lack_of({195, 0}, "rw")));
  EXPECT_THAT(*lacking("c 195:* rw\n", {{195, 0}}), IsEmpty());
}

TEST(DeviceRules, KeepWhatTheVeryDeviceHas) {
  EXPECT_THAT(*lacking("c 195:0 rm\nc 195:1 w\nc 195:2 m\n", {{195, 0}, {195, 1}, {195, 2}}),
              ElementsAre(lack_of({195, 0}, "w"), lack_of({195, 1}, "r"), lack_of({195, 2}, "rw")));
}

// The kernel keeps one rule for the very device: were there two, they would be one.
TEST(DeviceRules, AddUpForTheVeryDevice) {
  EXPECT_THAT(*lacking("c 195:0 r\nc 195:0 w\n", {{195, 0}}), IsEmpty());
}

TEST(DeviceRules, DoNotTakeABlockDeviceForACharacterDevice) {
  EXPECT_THAT(*lacking("b 195:0 rwm\n", {{195, 0}}), ElementsAre(lack_of({195, 0}, "rw")));
}

TEST(DeviceRules, NameADeviceOnce) {
  EXPECT_THAT(*lacking("", {{195, 0}, {195, 0}}), ElementsAre(lack_of({195, 0}, "rw")));
}

TEST(DeviceRules, RefuseTextOfAnotherForm) {
  for (const auto* text : {"d 1:1 rw\n", "c 1 rw\n", "c 1:x rw\n", "c\n", "\n"})
    EXPECT_EQ(lacking(text, {}).error().id(), ErrorId::Cgroup) << text;
}

}  // namespace
}  // namespace nvhook::cgroup
