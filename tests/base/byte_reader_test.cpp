// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/byte_reader.hpp"

#include <gtest/gtest.h>

#include "nvhook/base/byte_writer.hpp"

namespace nvhook {
namespace {

TEST(ByteReader, TakesBackWhatTheWriterPut) {
  ByteWriter out;
  out.put<std::uint16_t>(7);
  out.text("libcuda.so.1");
  out.text("");
  const auto bytes = std::move(out).take();
  ByteReader in(bytes_of(bytes));

  EXPECT_EQ(in.take<std::uint16_t>(), 7);
  EXPECT_EQ(in.take_text(), "libcuda.so.1");
  EXPECT_EQ(in.take_text(), "");
  EXPECT_EQ(in.remaining(), 0U);
}

TEST(ByteReader, TakesNothingFromTooFewBytes) {
  const std::string bytes = "abc";
  ByteReader in(bytes_of(bytes));

  EXPECT_EQ(in.take<std::uint32_t>(), std::nullopt);
  EXPECT_EQ(in.remaining(), 3U);
}

TEST(ByteReader, RefusesATextLongerThanTheRest) {
  ByteWriter out;
  out.put<std::uint32_t>(5);
  out.put<std::uint32_t>(0);
  const auto bytes = std::move(out).take();
  ByteReader in(bytes_of(bytes));

  EXPECT_EQ(in.take_text(), std::nullopt);
}

}  // namespace
}  // namespace nvhook
