// SPDX-License-Identifier: Apache-2.0
#include "support/watched.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                          PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

UniqueFd stream(std::string_view content) {
  UniqueFd fd(::memfd_create("stream", MFD_CLOEXEC));
  if (!fd ||
      ::pwrite(fd.get(), content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()))
    std::abort();
  return fd;
}

std::string content_of(int fd) {
  std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  (void)!::pread(fd, text.data(), text.size(), 0);
  return text;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (const auto& string : strings) all.push_back(const_cast<char*>(string.c_str()));
  all.push_back(nullptr);
  return all;
}

void resume(pid_t pid, int signal) {
  ::ptrace(PTRACE_SYSCALL, pid, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
}

// The call that the process is entering; call -1 if it is leaving one.
Stop stop_of(pid_t pid, pid_t first) {
  __ptrace_syscall_info info{};
  Stop stop{.pid = pid, .first = pid == first, .call = -1, .arguments = {}};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 ||
      info.op != PTRACE_SYSCALL_INFO_ENTRY)
    return stop;
  stop.call = static_cast<long>(info.entry.nr);
  for (std::size_t i = 0; i < stop.arguments.size(); ++i) stop.arguments[i] = info.entry.args[i];
  return stop;
}

// The process makes its call, stands still behind it, and nobody traces it while `meanwhile` runs.
void release_during(pid_t pid, const std::function<void(pid_t)>& meanwhile) {
  ::ptrace(PTRACE_DETACH, pid, nullptr, SIGSTOP);
  siginfo_t stopped{};
  ::waitid(P_PID, static_cast<id_t>(pid), &stopped, WSTOPPED);
  meanwhile(pid);
  ::ptrace(PTRACE_SEIZE, pid, nullptr, kOptions);
  ::kill(pid, SIGCONT);
}

}  // namespace

std::string text_at(const Stop& stop, unsigned argument) {
  std::array<char, 256> text{};
  std::size_t size = 0;
  // A text may end where the next page is not there.
  for (auto at = stop.arguments[argument]; size + 1 < text.size(); ++at, ++size) {
    iovec ours{.iov_base = &text[size], .iov_len = 1};
    iovec theirs{.iov_base = reinterpret_cast<void*>(at), .iov_len = 1};
    if (::process_vm_readv(stop.pid, &ours, 1, &theirs, 1, 0) != 1 || text[size] == '\0') break;
  }
  return {text.data(), size};
}

Finished run_watched(const std::vector<std::string>& arguments, std::string_view input,
                     const std::vector<std::string>& environment,
                     const std::function<Then(const Stop&)>& look,
                     const std::function<void(pid_t)>& meanwhile) {
  const auto in = stream(input);
  const auto out = stream({});
  const auto err = stream({});
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  const pid_t first = ::fork();
  if (first == 0) {
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(err.get(), STDERR_FILENO);
    ::setpgid(0, 0);  // by which it is told from other children of ours
    ::ptrace(PTRACE_TRACEME);
    ::raise(SIGSTOP);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(first, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, first, nullptr, kOptions);
  resume(first, 0);

  Finished finished;
  for (;;) {
    const pid_t pid = ::waitpid(-first, &status, __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) break;  // all have ended
    if (!WIFSTOPPED(status)) {
      if (pid == first)
        finished.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      continue;
    }
    const int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      const auto stop = stop_of(pid, first);
      if (stop.call >= 0 && look(stop) == Then::Release)
        release_during(pid, meanwhile);
      else
        resume(pid, 0);
      continue;
    }
    // Events of ptrace's own (a fork, the first stop of a child, the stop after it was seized) are
    // nobody's signals.
    const bool event = (status >> 16) != 0 || signal == SIGSTOP || signal == SIGTRAP;
    resume(pid, event || signal == SIGCONT ? 0 : signal);
  }
  finished.out = content_of(out.get());
  finished.err = content_of(err.get());
  return finished;
}

}  // namespace nvhook::test
