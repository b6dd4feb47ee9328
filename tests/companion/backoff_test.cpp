// SPDX-License-Identifier: Apache-2.0
#include "companion/backoff.hpp"

#include <gtest/gtest.h>

namespace nvhook::companion {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, GrowsUpToABound) {
  Backoff backoff;
  auto now = Clock::time_point() + seconds(1000);
  milliseconds last{0};
  for (int i = 0; i < 20; ++i) {
    backoff.began(now);
    const auto wait = backoff.failed(now + milliseconds(5));
    EXPECT_GE(wait, last);
    EXPECT_LE(wait, Backoff::kLongest);
    last = wait;
    now += wait;
  }
  EXPECT_EQ(last, Backoff::kLongest);
}

TEST(Backoff, BeginsAnewForWhatHasHeld) {
  Backoff backoff;
  const auto now = Clock::time_point() + seconds(1000);
  backoff.began(now);
  EXPECT_EQ(backoff.failed(now), Backoff::kFirst);
  EXPECT_EQ(backoff.failed(now), 2 * Backoff::kFirst);

  backoff.began(now + seconds(1));
  EXPECT_EQ(backoff.failed(now + seconds(1) + Backoff::kHeld), Backoff::kFirst);
}

}  // namespace
}  // namespace nvhook::companion
