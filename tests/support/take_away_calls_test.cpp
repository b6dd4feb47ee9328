// SPDX-License-Identifier: Apache-2.0
// A suite for an older kernel proves nothing where that kernel has the newer calls after all.
#include "support/take_away_calls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "support/command.hpp"

namespace nvhook::test {
namespace {

bool answers_in_child(const std::function<bool()>& question) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(question() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

TEST(TakeAwayCalls, TakesAwayWhatIsNewAndNothingElse) {
  EXPECT_TRUE(answers_in_child([] {
    take_away_new_calls();
    return ::syscall(SYS_openat2, -1, "", nullptr, 0) == -1 && errno == ENOSYS &&
           ::syscall(SYS_pidfd_open, ::getpid(), 0) == -1 && errno == ENOSYS &&
           ::open("/", O_PATH | O_CLOEXEC) >= 0;
  }));
}

TEST(TakeAwayCalls, LeavesAStatxThatTellsNoMount) {
  EXPECT_TRUE(answers_in_child([] {
    take_away_new_calls();
    struct statx facts{};
    return ::statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS | STATX_MNT_ID, &facts) == 0 &&
           facts.stx_ino != 0 && (facts.stx_mask & STATX_MNT_ID) == 0 &&
           (facts.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0;
  }));
}

TEST(TakeAwayCalls, AnswersTheErrorThatItWasGiven) {
  EXPECT_TRUE(answers_in_child([] {
    take_away_calls(std::vector<std::string>{"openat2"}, EPERM);
    return ::syscall(SYS_openat2, -1, "", nullptr, 0) == -1 && errno == EPERM;
  }));
}

TEST(WithoutCalls, RunsAProgramWithoutThem) {
  // mkdir(1) of coreutils makes directories by mkdir(2).
  const auto without = [](const char* error, const char* calls) {
    return run({NVHOOK_WITHOUT_CALLS, error, calls, "mkdir", "/proc/none/none"}).err;
  };

  EXPECT_NE(without("ENOSYS", "openat2,mkdir,mkdirat").find("not implemented"), std::string::npos);
  EXPECT_NE(without("28", "mkdir,mkdirat").find("No space"), std::string::npos);
  EXPECT_NE(without("ENOSYS", "new-kernel-calls").find("No such file"), std::string::npos);
}

TEST(WithoutCalls, SaysWhatIsWrongWithItsArguments) {
  EXPECT_EQ(run({NVHOOK_WITHOUT_CALLS, "ENOSYS", "openat2"}).status, 64);
  EXPECT_EQ(run({NVHOOK_WITHOUT_CALLS, "E2", "openat2", "true"}).status, 64);
  EXPECT_NE(run({NVHOOK_WITHOUT_CALLS, "1", "openat9", "true"}).err.find("openat9"),
            std::string::npos);
}

}  // namespace
}  // namespace nvhook::test
