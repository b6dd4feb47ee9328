// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/close_from.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "support/child.hpp"
#include "support/take_away_calls.hpp"

namespace nvhook {
namespace {

// Opens 600 descriptors, a page of them at least, and closes all but the lowest: "done" and how
// many of those to be kept and to be closed are open then. The child's way to speak is among the
// latter, so it is moved below them.
std::string counts_after_closing() {
  constexpr int kFirst = 100;
  for (int i = 0; i < 600; ++i) ::fcntl(STDERR_FILENO, F_DUPFD, i % 3 == 0 ? 2000 : 50);
  const auto count = [](int from, int to) {
    int open = 0;
    for (int fd = from; fd < to; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return open;
  };
  const int kept = count(0, kFirst);
  const bool done = close_from(kFirst);
  return std::string(done ? "done" : "not done") + ", " +
         (count(0, kFirst) == kept ? "the lower are open" : "the lower are closed") + ", " +
         std::to_string(count(kFirst, 4096)) + " of the higher are open";
}

constexpr auto kAsItShould = "done, the lower are open, 0 of the higher are open";

TEST(CloseFrom, ClosesAllFromANumberOn) {
  EXPECT_EQ(test::said_by_child(counts_after_closing), kAsItShould);
}

TEST(CloseFrom, DoesSoWithoutCloseRange) {
  const auto said = test::said_by_child([] {
    test::take_away_calls({{"close_range"}}, ENOSYS);
    return counts_after_closing();
  });

  EXPECT_EQ(said, kAsItShould);
}

TEST(CloseFrom, SaysWhenItCannotTellWhatIsOpen) {
  const auto said = test::said_by_child([]() -> std::string {
    test::take_away_calls({{"close_range", "openat"}}, ENOSYS);
    return close_from(100) ? "done" : "not done";
  });

  EXPECT_EQ(said, "not done");
}

}  // namespace
}  // namespace nvhook
