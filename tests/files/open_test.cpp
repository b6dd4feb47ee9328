// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/open.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "support/fake_root.hpp"

namespace nvhook::files {
namespace {

class OpenAt : public ::testing::Test {
 protected:
  std::error_code code_of(std::string_view name, Lookup lookup) {
    const auto fd = open_at(root_.fd(), name, O_PATH, lookup);
    return fd ? std::error_code() : fd.error().code();
  }
  test::FakeRoot root_;
};

TEST_F(OpenAt, KeepsLinksInsideTheRoot) {
  root_.file("/etc/passwd").symlink("/abs", "/etc").symlink("/up", "../../../../etc");

  for (const auto* link : {"abs/passwd", "/up/passwd"}) {
    const auto fd = open_at(root_.fd(), link, O_PATH, Lookup::InRoot);
    ASSERT_TRUE(fd) << fd.error().text();
    EXPECT_EQ(path_of(fd->get()), root_.on_disk("/etc/passwd").string());
  }
}

TEST_F(OpenAt, RefusesToLeaveTheDirectory) {
  root_.directory("/d").file("/x").symlink("/d/out", "../x").symlink("/d/abs", "/x");

  const auto dir = open_at(root_.fd(), "d", O_PATH, Lookup::Plain);
  ASSERT_TRUE(dir);
  EXPECT_EQ(open_at(dir->get(), "out", O_PATH, Lookup::Beneath).error().code(),
            std::errc::cross_device_link);
  EXPECT_EQ(open_at(dir->get(), "abs", O_PATH, Lookup::Beneath).error().code(),
            std::errc::cross_device_link);
}

TEST_F(OpenAt, FollowsNoLinkWhenToldSo) {
  root_.file("/real/x").symlink("/link", "real");

  EXPECT_EQ(code_of("link/x", Lookup::Plain), std::errc::too_many_symbolic_link_levels);
  EXPECT_EQ(code_of("real/x", Lookup::Plain), std::error_code());
}

TEST_F(OpenAt, NeverFollowsAMagicLink) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));

  for (const auto lookup : {Lookup::InRoot, Lookup::Beneath})
    EXPECT_EQ(open_at(proc.get(), "self/root", O_PATH, lookup).error().code(),
              std::errc::too_many_symbolic_link_levels);
}

TEST_F(OpenAt, StaysOnTheMountWhenToldSo) {
  const UniqueFd slash(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));

  EXPECT_EQ(open_at(slash.get(), "proc/self", O_PATH, Lookup::SameMount).error().code(),
            std::errc::cross_device_link);
}

TEST_F(OpenAt, ClosesItsDescriptorsOnExec) {
  const auto fd = open_at(root_.fd(), ".", O_PATH, Lookup::Plain);

  ASSERT_TRUE(fd);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace nvhook::files
