// SPDX-License-Identifier: Apache-2.0
#include "attack/call_shape.hpp"

#include <gmock/gmock.h>

namespace nvhook::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A run that has entered, and then made one more call.
std::vector<std::string> wrong_after_entering(const std::string& line) {
  return wrong_calls(
      parse_calls("7 close_range(3, 4294967295, 0) = 0\n"
                  "7 setns(9, CLONE_NEWNS) = 0\n7 " +
                  line + "\n"));
}

TEST(CallShape, SplitsACallIntoItsParts) {
  const auto calls = parse_calls(
      "12  openat2(5, \"a, \\\"b\\\")\", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT}, 24) = "
      "-1 ENOENT (No such file or directory)\n");

  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].pid, 12);
  EXPECT_EQ(calls[0].name, "openat2");
  EXPECT_THAT(calls[0].arguments,
              ElementsAre("5", "\"a, \\\"b\\\")\"",
                          "{flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT}", "24"));
  EXPECT_EQ(calls[0].result, "-1 ENOENT (No such file or directory)");
}

TEST(CallShape, PutsTogetherWhatWasInterrupted) {
  const auto calls = parse_calls(
      "12 read(0,  <unfinished ...>\n"
      "13 close(4)  = 0\n"
      "12 <... read resumed>\"x\", 1) = 1\n"
      "12 --- SIGCHLD {si_signo=SIGCHLD} ---\n"
      "12 +++ exited with 0 +++\n");

  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[1].name, "read");
  EXPECT_THAT(calls[1].arguments, ElementsAre("0", "\"x\"", "1"));
}

TEST(CallShape, FindsEachKindOfWrongCall) {
  for (const auto& [line, fault] : std::vector<std::pair<std::string, std::string>>{
           {R"(openat(AT_FDCWD, "usr", O_PATH|O_NOFOLLOW|O_CLOEXEC) = 3)", "looked up by path"},
           {R"(openat(5, "/usr", O_PATH|O_NOFOLLOW|O_CLOEXEC) = 3)", "looked up by path"},
           {R"(open("usr", O_RDONLY|O_CLOEXEC) = 3)", "looked up by path"},
           {R"(mkdirat(AT_FDCWD, "usr", 0755) = 0)", "looked up by path"},
           {R"(symlinkat("libcuda.so.1", AT_FDCWD, "libcuda.so") = 0)", "looked up by path"},
           {R"(symlinkat("libcuda.so.1", 5, "/usr/lib/libcuda.so") = 0)", "looked up by path"},
           {R"(statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_MNT_ID, {}) = 0)", "looked up by path"},
           {R"(renameat2(5, "a", AT_FDCWD, "b", RENAME_EXCHANGE) = 0)", "looked up by path"},
           {R"(unlink("usr") = 0)", "looked up by path"},
           {R"(chdir("/") = 0)", "looked up by path"},
           {R"(mount("/dev/x", "12", NULL, MS_BIND, NULL) = 0)", "looked up by path"},
           {R"(mount("11", "usr/lib", NULL, MS_BIND, NULL) = 0)", "looked up by path"},
           {R"(mount("/proc/self/fd/11", "12", NULL, MS_BIND, NULL) = 0)", "looked up by path"},
           {R"(umount2("/usr", MNT_DETACH) = 0)", "looked up by path"},
           {R"(openat(5, "usr", O_PATH|O_CLOEXEC) = 3)", "link followed"},
           {R"(openat2(5, "usr", {flags=O_PATH|O_CLOEXEC, resolve=0}, 24) = 3)", "link followed"},
           {R"(openat2(5, "u", {flags=O_CLOEXEC, resolve=RESOLVE_IN_ROOT}, 24) = 3)",
            "link followed"},
           {R"(statx(5, "usr", 0, STATX_MNT_ID, {}) = 0)", "link followed"},
           {R"(newfstatat(5, "usr", {}, 0) = 0)", "link followed"},
           {R"(openat(5, "usr", O_PATH|O_NOFOLLOW) = 3)", "to inherit"},
           {R"(execve("/sbin/ldconfig", ["ldconfig"], 0x7ffd /* 0 vars */) = 0)", "executed"},
           {R"(execve("/proc/self/exe", ["nvhook"], 0x7ffd /* 0 vars */) = 0)", "executed"},
           {R"(execveat(5, "", ["ldconfig"], 0x7ffd /* 0 vars */, AT_EMPTY_PATH) = 0)", "executed"},
           {R"(open_tree(5, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) = 3)", "source"},
           {R"(move_mount(3, "", 5, "usr", MOVE_MOUNT_F_EMPTY_PATH) = 0)", "mount by name"}})
    EXPECT_THAT(wrong_after_entering(line), Contains(HasSubstr(fault))) << line;
}

TEST(CallShape, HasNothingAgainstDescriptors) {
  for (
      const std::string line :
      {R"(openat2(5, "usr", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_BENEATH}, 24) = 3)",
       R"(openat(5, "usr", O_PATH|O_NOFOLLOW|O_CLOEXEC) = 3)", R"(mkdirat(5, "usr", 0755) = 0)",
       R"(symlinkat("/usr/lib/x", 5, "x") = 0)", R"(readlinkat(5, "x", "/usr/lib/x", 4097) = 10)",
       R"(write(1, "/usr/lib", 8) = 8)", R"(statx(5, "", AT_EMPTY_PATH, STATX_MNT_ID, {}) = 0)",
       R"(move_mount(3, "", 5, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH) = 0)",
       R"(mount("11", "12", NULL, MS_BIND, NULL) = 0)",
       R"(mount(NULL, "12", NULL, MS_RDONLY|MS_REMOUNT|MS_BIND, NULL) = 0)",
       R"(umount2("12", MNT_DETACH) = 0)", R"(fchdir(4) = 0)", R"(exit_group(0) = ?)"})
    EXPECT_THAT(wrong_after_entering(line), IsEmpty()) << line;
}

TEST(CallShape, LetsItsOwnStartAloneAndWhatComesBefore) {
  EXPECT_THAT(wrong_calls(parse_calls("7 execve(\"/usr/bin/nvhook\", [\"nvhook\"], 0x1) = 0\n"
                                      "7 openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY) = 3\n"
                                      "7 close_range(3, 4294967295, 0) = 0\n"
                                      "7 execve(\"/proc/self/exe\", [\"nvhook\"], 0x1) = 0\n"
                                      "7 openat2(-1, \"\", NULL, 0) = -1 EINVAL (Invalid)\n"
                                      "7 openat(AT_FDCWD, \"/etc\", O_PATH|O_CLOEXEC) = 3\n")),
              IsEmpty());
}

TEST(CallShape, WantsTheDescriptorsThatWereInheritedClosed) {
  EXPECT_THAT(wrong_calls({}), ElementsAre("it never closed what it inherited"));
}

TEST(CallShape, TellsWhetherTheContainerWasEntered) {
  EXPECT_TRUE(has_entered(parse_calls("7 setns(9, CLONE_NEWNS) = 0\n")));
  EXPECT_FALSE(has_entered(parse_calls("7 setns(9, CLONE_NEWUSER) = 0\n")));
  EXPECT_FALSE(has_entered(parse_calls("7 setns(9, CLONE_NEWNS) = -1 EPERM (No)\n")));
}

}  // namespace
}  // namespace nvhook::test
