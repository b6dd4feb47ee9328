// SPDX-License-Identifier: Apache-2.0
// Nobody holds a container's start up by not reading what the hook says.
#include "journal.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <limits.h>
#include <unistd.h>

#include <array>

#include "nvhook/base/unique_fd.hpp"
#include "support/child.hpp"

namespace nvhook::test {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

// Standard error of a child, at its other end.
class Ear {
 public:
  Ear() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) ::_exit(1);
    ours_ = UniqueFd(ends[0]);
    theirs_ = UniqueFd(ends[1]);
    ::dup2(theirs_.get(), STDERR_FILENO);
  }

  void fill() const {
    const std::string page(4096, 'x');
    while (::write(theirs_.get(), page.data(), page.size()) > 0) {
    }
  }

  // All that is there.
  [[nodiscard]] std::string hear() const {
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = ::read(ours_.get(), chunk.data(), chunk.size())) > 0;)
      text.append(chunk.data(), static_cast<std::size_t>(got));
    return text;
  }

 private:
  UniqueFd ours_;
  UniqueFd theirs_;
};

TEST(Messages, AreNotRepeatedToWhoeverDoesNotListen) {
  const auto said = said_by_child([]() -> std::string {
    const Ear ear;
    ear.fill();
    Journal journal;
    journal.warning({WarningId::LinkExists, "first"});
    (void)ear.hear();
    journal.warning({WarningId::LinkExists, "second"});
    const auto heard = ear.hear();
    return heard.empty() ? "silence" : heard;
  });

  EXPECT_EQ(said, "silence");
}

TEST(Messages, AreNoLongerThanAPipeTakesAtOnce) {
  const auto said = said_by_child([]() -> std::string {
    const Ear ear;
    Journal journal;
    journal.warning({WarningId::LinkExists, std::string(2 * PIPE_BUF, 'y')});
    return ear.hear();
  });

  EXPECT_EQ(said.size(), std::size_t{PIPE_BUF});
  EXPECT_THAT(said, StartsWith("nvhook: W_LINK_EXISTS: yyy"));
  EXPECT_THAT(said, EndsWith("yyy...\n"));
}

}  // namespace
}  // namespace nvhook::test
