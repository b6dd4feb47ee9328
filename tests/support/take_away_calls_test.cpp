// SPDX-License-Identifier: Apache-2.0
// A suite for an older kernel proves nothing where that kernel has the newer calls after all.
#include "support/take_away_calls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "support/child.hpp"
#include "support/command.hpp"

namespace nvhook::test {
namespace {

TEST(TakeAwayCalls, TakesAwayWhatIsNewAndNothingElse) {
  const auto said = said_by_child([]() -> std::string {
    take_away_new_calls();
    if (::syscall(SYS_openat2, -1, "", nullptr, 0) != -1 || errno != ENOSYS) return "openat2";
    if (::syscall(SYS_pidfd_open, ::getpid(), 0) != -1 || errno != ENOSYS) return "pidfd_open";
    return ::open("/", O_PATH | O_CLOEXEC) >= 0 ? "fine" : "open";
  });

  EXPECT_EQ(said, "fine");
}

TEST(TakeAwayCalls, LeavesAStatxThatTellsNoMount) {
  const auto said = said_by_child([]() -> std::string {
    take_away_new_calls();
    struct statx facts {};
    if (::statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS | STATX_MNT_ID, &facts) != 0) return "failed";
    if (facts.stx_ino == 0) return "tells nothing";
    const bool mounts = (facts.stx_mask & STATX_MNT_ID) != 0 ||
                        (facts.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
    return mounts ? "tells of mounts" : "fine";
  });

  EXPECT_EQ(said, "fine");
}

// It has told of such directories since Linux 4.11.
TEST(TakeAwayCalls, LeavesAStatxThatTellsWhatADirectoryAllows) {
  const auto said = said_by_child([]() -> std::string {
    take_away_new_calls();
    struct statx facts {};
    if (::statx(AT_FDCWD, "/tmp", 0, 0, &facts) != 0) return "failed";
    return (facts.stx_attributes_mask & STATX_ATTR_APPEND) != 0 ? "fine" : "tells nothing";
  });

  EXPECT_EQ(said, "fine");
}

TEST(TakeAwayCalls, AnswersTheErrorThatItWasGiven) {
  const auto said = said_by_child([]() -> std::string {
    take_away_calls(std::vector<std::string>{"openat2"}, EPERM);
    ::syscall(SYS_openat2, -1, "", nullptr, 0);
    return std::strerror(errno);
  });

  EXPECT_EQ(said, "Operation not permitted");
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
