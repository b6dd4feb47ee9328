// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "nvhook/mount/stage.hpp"

namespace nvhook::mount {
namespace {

constexpr int kMaxTries = 64;  // signals are held back: a wait is interrupted by nobody in life

// As fork(2), with one table of descriptors for both and a mount namespace for the child. glibc's
// clone() wants a stack and a function; what fork() does besides is for programs with threads.
pid_t fork_with_descriptors() {
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_FILES | CLONE_NEWNS | SIGCHLD, nullptr,
                                      nullptr, nullptr, nullptr));
}

// Runs in the child. What it says fits a pipe that nobody reads yet.
[[noreturn]] void work_and_end(const std::function<Result<void>()>& work, int report) {
  try {
    const auto done = work();
    if (done) ::_exit(EXIT_SUCCESS);
    const auto& error = done.error();
    auto text = error.message();
    if (error.code()) text += ": " + error.code().message();
    [[maybe_unused]] const auto written =
        ::write(report, text.data(), std::min(text.size(), std::size_t{PIPE_BUF}));
  } catch (const std::exception&) {  // out of memory: the caller says that it knows no reason
  }
  ::_exit(EXIT_FAILURE);
}

}  // namespace

Result<void> in_private_namespace(const std::function<Result<void>()>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return system_failure(ErrorId::Kernel, "pipe");
  const UniqueFd report(ends[0]);
  const UniqueFd reporting(ends[1]);

  const pid_t child = fork_with_descriptors();
  if (child < 0) return system_failure(ErrorId::Kernel, "clone");
  if (child == 0) work_and_end(work, reporting.get());

  int status = 0;
  pid_t ended = -1;
  for (int tries = 0; ended < 0 && tries < kMaxTries; ++tries) {
    ended = ::waitpid(child, &status, 0);
    if (ended < 0 && errno != EINTR) break;
  }
  if (ended < 0)
    return system_failure(ErrorId::Kernel, "wait for the child of a private namespace");
  if (status == 0) return {};
  std::array<char, PIPE_BUF> text{};
  const auto size = ::read(report.get(), text.data(), text.size());
  if (size <= 0) return failure(ErrorId::Kernel, "the child of a private namespace died");
  return failure(ErrorId::Kernel, std::string(text.data(), static_cast<std::size_t>(size)));
}

}  // namespace nvhook::mount
