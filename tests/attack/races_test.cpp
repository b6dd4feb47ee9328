// SPDX-License-Identifier: Apache-2.0
// Somebody changes the container's names while they are worked on (R). Each test makes many
// attempts of the place step in one process: none may reach anything outside the root, and none may
// be said to have succeeded without its mounts.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "attack/effort.hpp"
#include "attack/race.hpp"
#include "attack/variant.hpp"
#include "support/take_away_calls.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {
namespace {

using ::testing::IsSubsetOf;

// For the tables of scripts/attack.
void record(const Tally& tally) {
  const auto property = [](const char* name, std::uint64_t value) {
    ::testing::Test::RecordProperty(name, std::to_string(value));
  };
  property("attempts", tally.attempts);
  property("raced", tally.raced);
  property("swaps", tally.swaps);
  property("placed", tally.placed);
  property("refused", tally.refused());
  property("escapes", tally.escapes);
  property("untrue", tally.untrue);
}

class Races : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  // Refusals may have these ids.
  static void withstands(Race race, const std::vector<std::string>& ids) {
    Contest contest{.race = race, .contestant = make_nvhook, .attempts = effort().attempts};
    if (GetParam().tier == Tier::Old) contest.prepare = take_away_new_calls;

    const auto tally = hold(contest);

    record(tally);
    EXPECT_EQ(tally.escapes, 0U) << tally.first_escape.data();
    EXPECT_EQ(tally.untrue, 0U);
    EXPECT_EQ(tally.left_behind, 0U);
    EXPECT_THAT(tally.refusal_ids(), IsSubsetOf(ids));
    // It was a race, and could be won.
    EXPECT_GT(tally.raced, tally.attempts / kRacedAtLeast);
    EXPECT_GT(tally.placed, 0U);
  }
};

TEST_P(Races, R01_ADirectoryAndAnAbsoluteLink) {
  withstands(Race::DirectoryAndAbsoluteLink, {"E_RACE", "E_DST_RESOLVE"});
}

TEST_P(Races, R02_ADirectoryAndARelativeLink) {
  withstands(Race::DirectoryAndRelativeLink, {"E_RACE", "E_DST_RESOLVE"});
}

TEST_P(Races, R03_AFileAndALink) { withstands(Race::FileAndLink, {"E_RACE", "E_DST_TYPE"}); }

// What leaves the root while it is looked up has the same errno as another mount: EXDEV.
TEST_P(Races, R04_ADirectoryUnderADotDot) {
  withstands(Race::DirectoryUnderDotDot, {"E_RACE", "E_DST_RESOLVE", "E_DST_FOREIGN_MOUNT"});
}

TEST_P(Races, R05_AMountPoint) { withstands(Race::MountPoint, {"E_RACE"}); }

TEST_P(Races, R05_ADirectoryAndAnother) {
  withstands(Race::DirectoryAndAnother, {"E_RACE", "E_DST_RESOLVE", "E_DST_FOREIGN_MOUNT"});
}

// A target that has got the first mount already is as one that somebody else has mounted on.
TEST_P(Races, R05_TwoMountPoints) {
  withstands(Race::TwoMountPoints, {"E_RACE", "E_DST_FOREIGN_MOUNT"});
}

TEST_P(Races, R06_ADirectoryThatLinksAreMadeIn) {
  withstands(Race::LinkDirectory, {"E_RACE", "E_DST_RO"});
}

TEST_P(Races, R06_ATemporaryName) { withstands(Race::TemporaryName, {"E_RACE"}); }

// A link that the directory is for a moment leads to another directory of the root, with nothing in
// it: the cache that is to be replaced is not there, or is where none was.
TEST_P(Races, R06_TheDirectoryOfTheCache) { withstands(Race::CacheDirectory, {"E_RACE"}); }

TEST_P(Races, R06_TheCache) { withstands(Race::CacheFile, {"E_RACE"}); }

TEST_P(Races, R06_TheCacheAndADirectory) { withstands(Race::CacheAndDirectory, {"E_RACE"}); }

TEST_P(Races, R06_ATemporaryNameOfTheCache) { withstands(Race::CacheTemporaryName, {"E_RACE"}); }

TEST_P(Races, R07_TheCacheIsResized) { withstands(Race::CacheContent, {"E_RACE"}); }

TEST_P(Races, R09_RenamesElsewhere) { withstands(Race::RenameStorm, {"E_RACE"}); }

INSTANTIATE_TEST_SUITE_P(Kernel, Races, ::testing::ValuesIn(variants()), name_of_instance);

// The positive controls: what goes by paths, or lets the kernel take "..", loses the same races.
class NaiveRaces : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  static Tally lose(Race race, const MakeContestant& contestant) {
    const auto tally = hold({.race = race,
                             .contestant = contestant,
                             .attempts = effort().naive_attempts,
                             .until_lost = true});
    record(tally);
    return tally;
  }

  static void escapes(Race race, const MakeContestant& contestant) {
    EXPECT_GT(lose(race, contestant).escapes, 0U);
  }

  static void says_what_is_not_true(Race race, const MakeContestant& contestant) {
    EXPECT_GT(lose(race, contestant).untrue, 0U);
  }
};

TEST_F(NaiveRaces, R01_ADirectoryAndAnAbsoluteLink) {
  escapes(Race::DirectoryAndAbsoluteLink, make_path_based);
}

TEST_F(NaiveRaces, R02_ADirectoryAndARelativeLink) {
  escapes(Race::DirectoryAndRelativeLink, make_path_based);
}

TEST_F(NaiveRaces, R03_AFileAndALink) { escapes(Race::FileAndLink, make_path_based); }

TEST_F(NaiveRaces, R04_ADirectoryUnderADotDot) {
  escapes(Race::DirectoryUnderDotDot, make_kernel_dotdot_walker);
}

TEST_F(NaiveRaces, R05_AMountPoint) { says_what_is_not_true(Race::MountPoint, make_path_based); }

TEST_F(NaiveRaces, R05_ADirectoryAndAnother) {
  says_what_is_not_true(Race::DirectoryAndAnother, make_path_based);
}

TEST_F(NaiveRaces, R06_ADirectoryThatLinksAreMadeIn) {
  escapes(Race::LinkDirectory, make_path_based);
}

TEST_F(NaiveRaces, R06_ATemporaryName) { escapes(Race::TemporaryName, make_path_based); }

}  // namespace
}  // namespace nvhook::test
