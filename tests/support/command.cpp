// SPDX-License-Identifier: Apache-2.0
#include "support/command.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

// Streams are files in memory, so that neither side ever waits for the other.
UniqueFd stream(std::string_view content) {
  UniqueFd fd(::memfd_create("stream", MFD_CLOEXEC));
  if (!fd ||
      ::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    std::abort();  // no memory for a test's text
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(int fd) {
  std::string text;
  std::array<char, 65536> chunk{};
  for (off_t at = 0;; at = static_cast<off_t>(text.size())) {
    const auto got = ::pread(fd, chunk.data(), chunk.size(), at);
    if (got <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (auto& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Finished run(const std::vector<std::string>& arguments, std::string_view input,
             const std::vector<std::string>& environment) {
  auto arguments_copy = arguments;
  auto environment_copy = environment;
  const char* path = std::getenv("PATH");
  environment_copy.push_back("PATH=" + std::string(path != nullptr ? path : "/usr/sbin:/usr/bin"));
  const auto argv = pointers(arguments_copy);
  const auto envp = pointers(environment_copy);
  const auto in = stream(input);
  const auto out = stream({});
  const auto err = stream({});

  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(err.get(), STDERR_FILENO);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  int status = 0;
  rusage used{};
  while (::wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  const auto wall = std::chrono::steady_clock::now() - start;
  return {.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
          .out = content_of(out.get()),
          .err = content_of(err.get()),
          .wall = std::chrono::duration_cast<std::chrono::milliseconds>(wall),
          .max_rss_kib = used.ru_maxrss};
}

}  // namespace nvhook::test
