// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/open.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "support/child.hpp"
#include "support/fake_root.hpp"
#include "support/take_away_calls.hpp"

namespace nvhook::files {
namespace {

class OpenAt : public ::testing::Test {
 protected:
  std::error_code code_of(std::string_view name, Lookup lookup) {
    std::error_code code;
    // A busy kernel may see too many links where there are more than 20: it counts those of an
    // attempt that it has given up, too (linux/fs/namei.c, total_link_count).
    for (int tries = 0; tries < 10; ++tries) {
      const auto fd = open_at(root_.fd(), name, O_PATH, lookup);
      code = fd ? std::error_code() : fd.error().code();
      if (code != std::errc::too_many_symbolic_link_levels) break;
    }
    return code;
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

  for (const auto* link : {"self/root", "self/root/etc", "self/cwd", "self/exe", "self/fd/0",
                           "self/ns/mnt", "thread-self/root"})
    for (const auto lookup : {Lookup::InRoot, Lookup::Beneath}) {
      const auto fd = open_at(proc.get(), link, O_PATH, lookup);
      ASSERT_FALSE(fd) << link;
      EXPECT_EQ(fd.error().code(), std::errc::too_many_symbolic_link_levels) << link;
    }
  EXPECT_TRUE(open_at(proc.get(), "self/status", O_PATH, Lookup::InRoot));
}

TEST_F(OpenAt, FollowsFortyLinksAndNoMore) {
  root_.file("/0");
  for (int i = 1; i <= 41; ++i)
    root_.symlink("/" + std::to_string(i), (i % 2 == 0 ? "/" : "") + std::to_string(i - 1));
  root_.symlink("/a", "b").symlink("/b", "a").symlink("/self", "self").symlink("/in", "in/x");

  EXPECT_EQ(code_of("40", Lookup::InRoot), std::error_code());
  for (const auto* name : {"41", "a", "self", "self/x", "in", "in/y"})
    EXPECT_EQ(code_of(name, Lookup::InRoot), std::errc::too_many_symbolic_link_levels) << name;
}

TEST_F(OpenAt, CountsTheLinksOfTheWholePath) {
  root_.directory("/d").symlink("/d/l", ".");
  const auto of = [](int links) {
    std::string path = "d";
    for (int i = 0; i < links; ++i) path += "/l";
    return path;
  };

  EXPECT_EQ(code_of(of(40), Lookup::InRoot), std::error_code());
  EXPECT_EQ(code_of(of(41), Lookup::InRoot), std::errc::too_many_symbolic_link_levels);
}

TEST_F(OpenAt, TakesNamesAsLongAsTheKernelAllows) {
  const std::string longest(kMaxName, 'n');
  root_.file("/" + longest);
  const auto padded = [&](std::size_t size) { return std::string(size - kMaxName, '/') + longest; };

  for (const auto lookup : {Lookup::InRoot, Lookup::InRootSameMount}) {
    EXPECT_EQ(code_of(longest, lookup), std::error_code());
    EXPECT_EQ(code_of(longest + "n", lookup), std::errc::filename_too_long);
    EXPECT_EQ(code_of(padded(kMaxPath), lookup), std::error_code());
    EXPECT_EQ(code_of(padded(kMaxPath + 1), lookup), std::errc::filename_too_long);
  }
}

TEST_F(OpenAt, TakesOddNamesAsTheyAre) {
  for (const std::string name :
       {"new\nline", "tab\tbed", "a b", "back\\slash", "\"quoted\"", "\xff\xfe", "-rf", "\x1b[2J",
        "\xe2\x80\xae"
        "rtl",
        "...", " "}) {
    root_.file("/" + name).symlink("/to " + name, name);
    EXPECT_EQ(code_of(name, Lookup::Plain), std::error_code()) << name;
    EXPECT_EQ(code_of("to " + name, Lookup::InRoot), std::error_code()) << name;
    const auto missing = open_at(root_.fd(), name + "x", O_PATH, Lookup::Plain);
    ASSERT_FALSE(missing);
    EXPECT_TRUE(std::ranges::all_of(missing.error().text(), [](unsigned char c) {
      return c >= 0x20 && c < 0x7f;
    })) << name;
  }
}

TEST_F(OpenAt, RefusesANameWithAZeroInIt) {
  root_.file("/a");

  EXPECT_EQ(code_of(std::string_view("a\0b", 3), Lookup::Plain), std::errc::invalid_argument);
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

// Which of the ways of looking something up is taken, in a child that has lost calls: "found", or
// what the error says.
std::string answer_after(const std::function<void()>& loss) {
  test::FakeRoot root;
  root.file("/f");
  return test::said_by_child([&] {
    loss();
    const auto fd = open_at(root.fd(), "f", O_PATH, Lookup::InRoot);
    return fd ? "found" : fd.error().text();
  });
}

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(OpenAtWithoutOpenat2, WalksWhereTheKernelDoesNotHaveIt) {
  EXPECT_EQ(answer_after([] { test::take_away_new_calls(); }), "found");
}

TEST(OpenAtWithoutOpenat2, RefusesWhereAFilterForbidsIt) {
  EXPECT_THAT(answer_after([] { test::take_away_calls({{"openat2"}}, EPERM); }),
              AllOf(StartsWith("E_KERNEL"), HasSubstr("forbidden")));
}

// FUSE answers a lookup with any error that its daemon likes, ENOSYS for one.
TEST(OpenAtWithoutOpenat2, IsNotForAFileSystemToChoose) {
  EXPECT_THAT(answer_after([] { test::fail_lookups(ENOSYS); }), HasSubstr("not implemented"));
  EXPECT_THAT(answer_after([] { test::fail_lookups(EPERM); }),
              AllOf(HasSubstr("not permitted"), Not(HasSubstr("forbidden"))));
}

}  // namespace
}  // namespace nvhook::files
