// SPDX-License-Identifier: Apache-2.0
// What one process of ours tells another of the program.
#include "nvml/said.hpp"

#include <gtest/gtest.h>

namespace nvhook::nvml {
namespace {

TEST(Said, IsTheSameAfterwards) {
  const std::string text("{\"schema\"\0}\n", 12);

  const auto bytes = encode({.text = text, .end = Said::End::Signal, .number = 11});
  const auto said = decode(bytes);

  EXPECT_EQ(encoded_size(bytes), bytes.size());
  ASSERT_TRUE(said);
  EXPECT_EQ(said->text, text);
  EXPECT_EQ(said->end, Said::End::Signal);
  EXPECT_EQ(said->number, 11);
}

TEST(Said, IsRefusedWhereItCannotBe) {
  const auto bytes = encode({.text = "text", .end = Said::End::Late, .number = 0});
  auto unknown_end = bytes;
  unknown_end[0] = 4;

  EXPECT_TRUE(decode(bytes));
  EXPECT_FALSE(decode(unknown_end));
  EXPECT_FALSE(decode(bytes + "x"));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, size))) << size;
}

}  // namespace
}  // namespace nvhook::nvml
