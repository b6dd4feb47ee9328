// SPDX-License-Identifier: Apache-2.0
// fail-call N ERRNO COUNT-FILE PROGRAM [ARGUMENT...]
//
// Runs a program whose N-th system call, counted over those that make or change something, fails
// with ERRNO (a number). The others happen. Writes how many there were to COUNT-FILE and ends as
// the program does. How a failure at every step is tried without a seam in the code under test.
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// glibc 2.36's header does not say that its functions are C's.
extern "C" {
#include <sys/pidfd.h>
}

namespace {

constexpr std::array kCalls = {SCMP_SYS(open_tree),  SCMP_SYS(mount_setattr), SCMP_SYS(move_mount),
                               SCMP_SYS(setns),      SCMP_SYS(openat2),       SCMP_SYS(mkdirat),
                               SCMP_SYS(mknodat),    SCMP_SYS(symlinkat),     SCMP_SYS(renameat2),
                               SCMP_SYS(readlinkat), SCMP_SYS(statx),         SCMP_SYS(write)};

// Installs the filter and runs the program. The listening descriptor goes to the parent.
[[noreturn]] void run(int socket, char** program) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  for (const int call : kCalls)
    // Our own last write goes out below, to the socket: it must not wait for an answer.
    if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY, call, 0) != 0) ::_exit(126);
  if (seccomp_load(filter) != 0) ::_exit(126);
  const int listener = seccomp_notify_fd(filter);
  ::fcntl(listener, F_SETFD, FD_CLOEXEC);
  // sendto(2), which is not in the list.
  if (::send(socket, &listener, sizeof listener, 0) != sizeof listener) ::_exit(126);
  char go = 0;
  if (::recv(socket, &go, 1, 0) != 1) ::_exit(126);
  ::execv(program[0], program);
  ::_exit(127);
}

long supervise(int listener, long failing, int error) {
  seccomp_notif* request = nullptr;
  seccomp_notif_resp* answer = nullptr;
  if (seccomp_notify_alloc(&request, &answer) != 0) std::abort();
  long calls = 0;
  for (;;) {
    pollfd wait{.fd = listener, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, -1) < 0 || (wait.revents & POLLIN) == 0) break;  // all have ended
    std::memset(request, 0, sizeof *request);
    if (seccomp_notify_receive(listener, request) != 0) continue;  // killed while it waited
    ++calls;
    std::memset(answer, 0, sizeof *answer);
    answer->id = request->id;
    if (calls == failing)
      answer->error = -error;
    else
      answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    seccomp_notify_respond(listener, answer);
  }
  seccomp_notify_free(request, answer);
  return calls;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 64;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return 126;
  const pid_t child = ::fork();
  if (child == 0) run(ends[1], argv + 4);
  ::close(ends[1]);
  int number = -1;
  if (::recv(ends[0], &number, sizeof number, 0) != sizeof number) return 126;
  const int listener = ::pidfd_getfd(::pidfd_open(child, 0), number, 0);
  if (listener < 0) return 126;
  ::send(ends[0], "g", 1, 0);

  const long calls = supervise(listener, std::atol(argv[1]), std::atoi(argv[2]));
  int status = 0;
  ::waitpid(child, &status, 0);
  if (std::FILE* file = std::fopen(argv[3], "w"); file != nullptr) {
    std::fprintf(file, "%ld\n", calls);
    std::fclose(file);
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
