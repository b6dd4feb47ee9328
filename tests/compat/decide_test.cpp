// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/decide.hpp"

#include <gmock/gmock.h>

namespace nvhook::compat {
namespace {

using ::testing::HasSubstr;

Finding supports(std::vector<std::uint32_t> drivers) {
  return Examined{Support{1, "12.9", std::move(drivers), {}}};
}

TEST(ImagesVersion, IsNewerNumberByNumber) {
  for (const auto& [image, host] : {std::pair{"575.57.08", "550.54.14"},
                                    {"100.1", "99.5"},
                                    {"550.100", "550.99"},
                                    {"550.54.15", "550.54.14"},
                                    {"550.54.14", "550.54"},
                                    {"550.54.10", "550.54.9"}}) {
    EXPECT_TRUE(is_newer(image, host)) << image << " " << host;
    EXPECT_FALSE(is_newer(host, image)) << image << " " << host;
  }
  EXPECT_FALSE(is_newer("550.54.14", "550.54.14"));
  EXPECT_FALSE(is_newer("550.054.14", "550.54.14"));
}

TEST(ImagesVersion, IsNotNewerWhereItIsNone) {
  for (const auto* text : {"", ".", "575.", ".575", "575..1", "575.x", "+575.1", "1234567890.1"}) {
    EXPECT_FALSE(is_newer(text, "1.1")) << text;
    EXPECT_FALSE(is_newer("999.1", text)) << text;
  }
}

TEST(Decision, IsForTheImageWhereItSupportsTheHost) {
  const auto decision = decide("575.57.08", "550.54.14", supports({535, 550, 575}));

  EXPECT_EQ(decision.choice, Choice::Image);
  EXPECT_EQ(decision.reason,
            "the image's driver libraries 575.57.08 are newer than the host's driver 550.54.14 and "
            "support it");
  EXPECT_EQ(decision.warning, std::nullopt);
  // Within a branch as well, if the note says so.
  EXPECT_EQ(decide("550.90.07", "550.54.14", supports({550})).choice, Choice::Image);
}

TEST(Decision, IsForTheHostWhereItIsNotSupported) {
  const auto decision = decide("575.57.08", "545.23.06", supports({535, 550, 575}));

  EXPECT_EQ(decision.choice, Choice::Host);
  EXPECT_THAT(decision.reason, HasSubstr("do not support the host's driver 545.23.06, but the "
                                         "branches 535, 550, 575"));
  EXPECT_EQ(decision.warning, std::nullopt);
  EXPECT_THAT(decide("575.57.08", "550.54.14", supports({})).reason, HasSubstr("name no driver"));
}

TEST(Decision, IsForTheHostWhereTheImageIsNotNewer) {
  for (const auto* host : {"575.57.08", "575.64.03", "580.65.06"}) {
    const auto decision = decide("575.57.08", host, supports({575, 580}));
    EXPECT_EQ(decision.choice, Choice::Host);
    EXPECT_THAT(decision.reason, HasSubstr("are not newer than the host's driver"));
  }
}

TEST(Decision, WithoutANoteIsForAnotherBranchOnly) {
  EXPECT_EQ(decide("520.61.05", "470.57.02", Examined{}).choice, Choice::Image);
  EXPECT_THAT(decide("520.61.05", "470.57.02", Examined{}).reason, HasSubstr("newer branch"));
  EXPECT_EQ(decide("470.82.01", "470.57.02", Examined{}).choice, Choice::Host);
  EXPECT_THAT(decide("470.82.01", "470.57.02", Examined{}).reason, HasSubstr("of the branch of"));
}

TEST(Decision, OnANoteThatCannotBeReadIsForTheHostWithAWarning) {
  for (const Finding& finding : {Finding(Damaged{"its text is no JSON"}), Finding(Need{})}) {
    const auto decision = decide("575.57.08", "550.54.14", finding);
    EXPECT_EQ(decision.choice, Choice::Host);
    ASSERT_TRUE(decision.warning);
    EXPECT_EQ(decision.warning->id, WarningId::CudaCompat);
    EXPECT_EQ(decision.warning->text, decision.reason);
  }
  EXPECT_THAT(decide("575.57.08", "550.54.14", Damaged{"its text is no JSON"}).reason,
              HasSubstr("its text is no JSON"));
}

}  // namespace
}  // namespace nvhook::compat
