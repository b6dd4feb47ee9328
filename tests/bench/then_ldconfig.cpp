// SPDX-License-Identifier: Apache-2.0
// then_ldconfig ROOTFS HOOK [ARGUMENT]...
//
// A hook that runs another one, with the OCI state on its standard input, and then does what hooks
// do that leave the container's loader to ldconfig(8): it runs this host's, in the container's mount
// namespace, over the root file system ROOTFS. For comparison only.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr auto kLdconfig = "/sbin/ldconfig";

template <class T>
T checked(T result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::exit(1);
}

// Ends this process unless the other ends well.
void wait_for(pid_t child) {
  int status = 0;
  checked(waitpid(child, &status, 0), "waitpid");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  std::array<char, 65536> state{};
  const auto size = checked(read(STDIN_FILENO, state.data(), state.size() - 1), "read the state");

  // A copy of the state for the hook, for we have taken it.
  const int copy = checked(memfd_create("state", 0), "memfd_create");
  checked(write(copy, state.data(), static_cast<std::size_t>(size)), "write");
  checked(lseek(copy, 0, SEEK_SET), "lseek");
  checked(dup2(copy, STDIN_FILENO), "dup2");
  const pid_t hook = checked(fork(), "fork");
  if (hook == 0) {
    execv(argv[2], argv + 2);
    _exit(127);
  }
  wait_for(hook);

  constexpr std::string_view kKey = "\"pid\":";
  const auto at = std::string_view(state.data()).find(kKey);
  if (at == std::string_view::npos) return 1;
  const auto pid = static_cast<pid_t>(std::strtol(state.data() + at + kKey.size(), nullptr, 10));
  const int program = checked(open(kLdconfig, O_PATH | O_CLOEXEC), kLdconfig);
  const int process = static_cast<int>(checked(syscall(SYS_pidfd_open, pid, 0), "pidfd_open"));
  const pid_t ldconfig = checked(fork(), "fork");
  if (ldconfig == 0) {
    checked(setns(process, CLONE_NEWNS), "setns");
    std::array<char*, 4> arguments = {const_cast<char*>(kLdconfig), const_cast<char*>("-r"),
                                      argv[1], nullptr};
    char* environment[] = {nullptr};
    execveat(program, "", arguments.data(), environment, AT_EMPTY_PATH);
    _exit(127);
  }
  wait_for(ldconfig);
  return 0;
}
