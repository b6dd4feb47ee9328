// SPDX-License-Identifier: Apache-2.0
// The tests run in a pid and a mount namespace of their own, with a tmpfs for what they make, and
// one for the records of the hooks that they run: whoever acts there is a process of theirs,
// nothing of the machine can disturb them, and nothing stays behind, however they end.
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

void must(int result, const char* what) {
  if (result == 0) return;
  std::perror(what);
  std::exit(1);
}

int run_tests(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

// Waits for `child`, and for whatever else comes to this process meanwhile.
int status_of(pid_t child) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR) return 1;
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
}

// The first process of the pid namespace: when it ends, everything in there ends.
int be_init(const std::string& scratch, int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "propagation");
  must(::mount("tmpfs", scratch.c_str(), "tmpfs", 0, "mode=755"), "mount tmpfs");
  must(::mkdir("/run/nvhook", 0700) == 0 || errno == EEXIST ? 0 : -1, "/run/nvhook");
  must(::mount("tmpfs", "/run/nvhook", "tmpfs", 0, "mode=700"), "mount /run/nvhook");
  must(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), "mount proc");
  ::setenv("TMPDIR", scratch.c_str(), 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);  // a group that this pid namespace has a number for
    // Orphans come to the tests, which can see them.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    return run_tests(argc, argv);
  }
  return status_of(child);
}

int run_apart(int argc, char** argv) {
  auto scratch = (std::filesystem::temp_directory_path() / "nvhook-attack-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) must(-1, scratch.c_str());
  must(::chmod(scratch.c_str(), 0755), "chmod");  // users of a container's namespace pass through
  // Not by unshare(2): this process could make no thread then, as LeakSanitizer does at the end.
  constexpr unsigned long kFlags = CLONE_NEWNS | CLONE_NEWPID | SIGCHLD;
  const auto init =
      static_cast<pid_t>(::syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, nullptr));
  if (init == 0) return be_init(scratch, argc, argv);
  const int status = init < 0 ? 1 : status_of(init);
  ::rmdir(scratch.c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]).starts_with("--gtest_list_tests")) return run_tests(argc, argv);
  return ::geteuid() == 0 ? run_apart(argc, argv) : run_tests(argc, argv);
}
