// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/list.hpp"

#include <gmock/gmock.h>

#include "support/fake_root.hpp"

namespace nvhook::files {
namespace {

TEST(NamesIn, AreSortedAndWithoutDots) {
  test::FakeRoot root;
  root.file("/b").file("/a").directory("/c");

  EXPECT_THAT(*names_in(root.fd(), 10), ::testing::ElementsAre("a", "b", "c"));
}

TEST(NamesIn, RefusesMoreThanTheCap) {
  test::FakeRoot root;
  root.file("/a").file("/b").file("/c");

  EXPECT_EQ(names_in(root.fd(), 2).error().code(), std::errc::value_too_large);
}

}  // namespace
}  // namespace nvhook::files
