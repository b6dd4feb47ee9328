// SPDX-License-Identifier: Apache-2.0
#include "clean_start.hpp"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "nvhook/base/close_from.hpp"

namespace nvhook {
namespace {

// A closed standard stream would be taken by the next file that is opened.
void fill_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) != fd)
      ::_exit(70);
}

// Whoever started us may have blocked or ignored what we rely on: where SIGCHLD is ignored the
// kernel reaps our child, and its number then belongs to somebody else.
void reset_signals() {
  std::signal(SIGCHLD, SIG_DFL);
  // A closed pipe and a file limit are errors of a write, and must not end us before undoing.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  sigset_t none{};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Every mount of a plan is held by a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Before Linux 5.11 it counts the BPF programs of all processes of the user: those of other
// containers may fill it. May be refused: newer kernels do not ask for it.
void raise_locked_memory_limit() {
  const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK, &all);
}

void start_again_without_environment(char** argv) {
  char* no_environment[] = {nullptr};
  ::execve("/proc/self/exe", argv, no_environment);
  ::_exit(70);  // without a procfs nothing else would work either
}

}  // namespace

Result<Surroundings> clean_start(char** argv, int last_kept) {
  const bool closed = close_from(last_kept + 1);
  fill_standard_streams();
  if (!closed)
    return failure(ErrorId::Kernel,
                   "inherited descriptors cannot be closed: the kernel has no close_range, and "
                   "/proc/self/fd does not list them");
  if (std::getenv("GLIBC_TUNABLES") != nullptr) start_again_without_environment(argv);

  // Root may be started so by a change of its security domain (SELinux), which lends it nothing.
  const Surroundings surroundings{
      .no_color = std::getenv("NO_COLOR") != nullptr,
      .lent_privileges = ::getauxval(AT_SECURE) != 0 && ::getuid() != 0};
  ::clearenv();
  ::umask(0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  reset_signals();
  raise_descriptor_limit();
  raise_locked_memory_limit();
  return surroundings;
}

}  // namespace nvhook
