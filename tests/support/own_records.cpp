// SPDX-License-Identifier: Apache-2.0
// Linked into a test program, gives it a /run/nvhook of its own: hooks that it runs leave no
// records on this machine, and find none of others. What it runs beside them sees the machine as it
// is, but for mounts that come later.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace nvhook::test {
namespace {

constexpr auto kRecords = "/run/nvhook";

class OwnRecords : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) return;  // who can start no container leaves no record
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_TRUE(::mkdir(kRecords, 0700) == 0 || errno == EEXIST) << std::strerror(errno);
    ASSERT_EQ(::mount("tmpfs", kRecords, "tmpfs", 0, "mode=700"), 0) << std::strerror(errno);
  }
};

[[maybe_unused]] const auto* const kOwnRecords =
    ::testing::AddGlobalTestEnvironment(new OwnRecords);  // GoogleTest owns it

}  // namespace
}  // namespace nvhook::test
