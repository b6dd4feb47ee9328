// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace nvhook {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

UniqueFd open_null() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(UniqueFd, ClosesWithItsOwner) {
  int number = -1;
  {
    const auto fd = open_null();
    number = fd.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, ClosesTheOldOneWhenAssigned) {
  auto fd = open_null();
  const int old = fd.get();
  auto other = open_null();
  const int kept = other.get();
  fd = std::move(other);

  EXPECT_FALSE(is_open(old));
  EXPECT_EQ(fd.get(), kept);
  EXPECT_TRUE(is_open(kept));
}

TEST(UniqueFd, GivesUpWhatIsReleased) {
  auto fd = open_null();
  const UniqueFd owner(fd.release());

  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(owner.get()));
}

}  // namespace
}  // namespace nvhook
