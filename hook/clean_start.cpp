// SPDX-License-Identifier: Apache-2.0
#include "clean_start.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace nvhook {
namespace {

// A closed standard stream would be taken by the next file that is opened.
void fill_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(70);
}

void start_again_without_environment(char** argv) {
  char* no_environment[] = {nullptr};
  ::execve("/proc/self/exe", argv, no_environment);
  ::_exit(70);  // without a procfs nothing else would work either
}

}  // namespace

Surroundings clean_start(char** argv) {
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  fill_standard_streams();
  if (std::getenv("GLIBC_TUNABLES") != nullptr) start_again_without_environment(argv);

  const Surroundings surroundings{.no_color = std::getenv("NO_COLOR") != nullptr};
  ::clearenv();
  ::umask(0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGPIPE, SIG_IGN);
  return surroundings;
}

}  // namespace nvhook
