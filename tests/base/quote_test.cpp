// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/quote.hpp"

#include <gtest/gtest.h>

namespace nvhook {
namespace {

TEST(Quote, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quote("GPU-1"), "\"GPU-1\"");
  EXPECT_EQ(quote("\x1b[2J\n\"\\"), R"("\x1b[2J\x0a\x22\x5c")");
  EXPECT_EQ(quote("\xd9\xa0"), R"("\xd9\xa0")");
}

TEST(Quote, CutsLongText) {
  EXPECT_EQ(quote(std::string(1000, 'a')), "\"" + std::string(128, 'a') + "\"...");
}

}  // namespace
}  // namespace nvhook
