// SPDX-License-Identifier: Apache-2.0
#include "nvml/hear_out.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::nvml {
namespace {

constexpr std::chrono::milliseconds kGrace{200};  // for one that was killed
constexpr int kGlance = 5;                        // ms, between looks where there is no pidfd

int milliseconds_to(Clock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

// Whether the descriptor can be read at that time.
bool await(int fd, Clock::time_point give_up) {
  for (;;) {
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, milliseconds_to(give_up));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= give_up) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Whether it has ended by then. It is not reaped yet, so that its number stays its own. On kernels
// before 5.3, where nothing tells when it ends, by looking time and again.
bool await_end(pid_t pid, int pidfd, Clock::time_point give_up) {
  if (pidfd >= 0 && !await(pidfd, give_up)) return false;
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid == pid)
      return true;
    if (Clock::now() >= give_up) return false;
    ::poll(nullptr, 0, kGlance);
  }
}

enum class Heard : std::uint8_t { Whole, Late, TooMuch };

Heard read_to_end(int pipe, std::size_t most, Clock::time_point give_up, std::string& text) {
  constexpr std::size_t kChunk = 16384;
  while (await(pipe, give_up)) {
    ssize_t got = 0;
    text.resize_and_overwrite(text.size() + kChunk, [&, have = text.size()](char* data, auto) {
      got = ::read(pipe, data + have, kChunk);
      return have + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    });
    if (got == 0 || (got < 0 && errno != EINTR)) return Heard::Whole;
    if (text.size() > most) return Heard::TooMuch;
  }
  return Heard::Late;
}

void kill_all(pid_t pid, int pidfd) {
  if (pidfd < 0 || ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) != 0)
    ::kill(pid, SIGKILL);
  ::kill(-pid, SIGKILL);  // the rest of its session, which has its number
}

// Of one that has ended. How it did, as wait(2) tells it.
int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Said hear_out(pid_t pid, int pipe, std::size_t most, Clock::time_point give_up) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  Said said;
  const auto heard = read_to_end(pipe, most, give_up, said.text);
  const bool ended = heard == Heard::Whole && await_end(pid, pidfd.get(), give_up);
  kill_all(pid, pidfd.get());
  if (!ended) {
    said.end = heard == Heard::TooMuch ? Said::End::TooMuch : Said::End::Late;
    if (await_end(pid, pidfd.get(), Clock::now() + kGrace)) (void)reap(pid);
    return said;
  }
  const int status = reap(pid);
  said.end = WIFSIGNALED(status) ? Said::End::Signal : Said::End::Status;
  said.number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return said;
}

}  // namespace nvhook::nvml
