// SPDX-License-Identifier: Apache-2.0
#include "nvml/child.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace nvhook::nvml {
namespace {

constexpr std::chrono::milliseconds kGrace{200};  // for one that was killed
constexpr int kGlance = 5;                        // ms, between looks where there is no pidfd

// Of one that has ended. How it did, as wait(2) tells it.
int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

int milliseconds_to(Clock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

bool await(int fd, Clock::time_point give_up) {
  for (;;) {
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, milliseconds_to(give_up));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= give_up) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Child::Child(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

// Whether it has ended by then. It is not reaped yet, so that its number stays its own. On kernels
// before 5.3, where nothing tells when it ends, by looking time and again.
bool Child::await_end(Clock::time_point give_up) const {
  if (pidfd_ && !await(pidfd_.get(), give_up)) return false;
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        ended.si_pid == pid_)
      return true;
    if (Clock::now() >= give_up) return false;
    ::poll(nullptr, 0, kGlance);
  }
}

std::optional<int> Child::kill() {
  if (!pidfd_ || ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) != 0)
    ::kill(pid_, SIGKILL);
  ::kill(-pid_, SIGKILL);  // the rest of its session, which has its number
  if (!await_end(Clock::now() + kGrace)) return std::nullopt;
  return reap(pid_);
}

Said Child::conclude(Heard heard, std::string text, Clock::time_point give_up) {
  const bool by_itself = heard == Heard::Whole && await_end(give_up);
  const auto status = kill();
  Said said{.text = std::move(text)};
  if (!by_itself || !status) {
    said.end = heard == Heard::TooMuch ? Said::End::TooMuch : Said::End::Late;
    return said;
  }
  said.end = WIFSIGNALED(*status) ? Said::End::Signal : Said::End::Status;
  said.number = WIFSIGNALED(*status) ? WTERMSIG(*status) : WEXITSTATUS(*status);
  return said;
}

}  // namespace nvhook::nvml
