// SPDX-License-Identifier: Apache-2.0
#include "support/child.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace nvhook::test {

std::string said_by_child(const std::function<std::string()>& speak) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();  // no descriptors left for tests
  const pid_t child = ::fork();
  if (child == 0) {
    const auto text = speak().substr(0, 4096);  // a pipe takes that at once
    ::_exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                            : 1);
  }
  ::close(ends[1]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::array<char, 4096> text{};
  const auto size = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  if (status != 0)
    return WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                               : "ended by status " + std::to_string(WEXITSTATUS(status));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace nvhook::test
