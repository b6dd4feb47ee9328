// SPDX-License-Identifier: Apache-2.0
// hook_timer RESULTS LABEL PROGRAM ARGUMENT...
//
// Stands between a runtime and a hook and times the hook alone. Hands the state on its standard
// input to PROGRAM through a pipe, as the runtime does, and appends one line to RESULTS:
//
//   LABEL NANOSECONDS MAXRSS_KIB STATUS
//
// NANOSECONDS: CLOCK_MONOTONIC from just before the spawn until the program was reaped.
// MAXRSS_KIB: ru_maxrss of wait4(2). The kernel starts that figure at what the spawning process
// held, so nothing smaller than this program (about 1 MiB) can be told apart.
// STATUS: PROGRAM's exit status, or 128 plus the signal that ended it; hook_timer ends with the
// same one. PROGRAM keeps the other standard streams and the environment. Exits 125 when PROGRAM
// could not be run or timed. A PROGRAM that takes longer than kPatienceSeconds is killed with its
// process group, so that the runtime can fail in order.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr int kCannotTime = 125;
constexpr unsigned kPatienceSeconds = 20;

// A pipe of the default size takes this much without a reader: pipe(7), "Pipe capacity".
constexpr std::size_t kMaxState = 65536;

[[noreturn]] void fail(const char* what, int code) {
  std::fprintf(stderr, "hook_timer: %s: %s\n", what, std::strerror(code));
  std::exit(kCannotTime);
}

long long now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// The read end of a pipe that holds everything standard input gave, and then ends.
int pipe_with_state() {
  static std::array<char, kMaxState> state;
  std::size_t size = 0;
  ssize_t count = 0;
  while (size < state.size() &&
         (count = read(STDIN_FILENO, state.data() + size, state.size() - size)) > 0)
    size += static_cast<std::size_t>(count);
  if (count < 0) fail("read state", errno);
  if (size == state.size()) fail("read state", EFBIG);

  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2", errno);
  if (write(ends[1], state.data(), size) != static_cast<ssize_t>(size)) fail("write state", errno);
  close(ends[1]);
  return ends[0];
}

volatile pid_t child = 0;

void kill_child(int /*signal*/) {
  if (child > 0) kill(-child, SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: hook_timer RESULTS LABEL PROGRAM [ARGUMENT]...\n", stderr);
    return kCannotTime;
  }
  char** program = argv + 3;

  const int results = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (results < 0) fail(argv[1], errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_with_state(), STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  signal(SIGALRM, kill_child);
  alarm(kPatienceSeconds);

  const auto start = now_ns();
  pid_t spawned = 0;
  if (const int code = posix_spawn(&spawned, program[0], &actions, &attributes, program, environ);
      code != 0)
    fail(program[0], code);
  child = spawned;
  int raw = 0;
  rusage usage = {};
  while (wait4(spawned, &raw, 0, &usage) < 0)
    if (errno != EINTR) fail("wait4", errno);
  const auto elapsed = now_ns() - start;

  const int status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  if (dprintf(results, "%s %lld %ld %d\n", argv[2], elapsed, usage.ru_maxrss, status) < 0)
    fail(argv[1], errno);
  return status;
}
