// SPDX-License-Identifier: Apache-2.0
#include "child.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <exception>
#include <utility>

#include "nvhook/base/close_from.hpp"
#include "serving.hpp"

namespace nvhook::companion {
namespace {

// Beyond what the child takes itself to finish: then it hangs.
constexpr std::chrono::seconds kPatience = kToFinish + std::chrono::seconds(1);
// One that starts anew sooner than this does so too often.
constexpr std::chrono::milliseconds kSoon{500};

constexpr int kListening = 3;
constexpr int kParent = 4;

// In the new process: two descriptors at their numbers, none else. It is ended by its parent, not
// by signals that are for all processes of a terminal or a service.
[[noreturn]] void become(int listening, int parent, const Child::Body& body) {
  constexpr int kAside = 10;
  const int aside_listening = ::fcntl(listening, F_DUPFD_CLOEXEC, kAside);
  const int aside_parent = ::fcntl(parent, F_DUPFD_CLOEXEC, kAside);
  if (aside_listening < 0 || aside_parent < 0 ||
      ::dup3(aside_listening, kListening, O_CLOEXEC) < 0 ||
      ::dup3(aside_parent, kParent, O_CLOEXEC) < 0 || !close_from(kParent + 1))
    ::_exit(kFailed);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, SIG_IGN);
  sigset_t none{};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  try {
    ::_exit(body({.listening = UniqueFd(kListening), .parent = UniqueFd(kParent)}));
  } catch (const std::exception&) {  // out of memory: of our own code only that
    ::_exit(kFailed);
  }
}

}  // namespace

void Child::want(bool wanted, Clock::time_point now) {
  wanted_ = wanted;
  if (!wanted && running()) finish(now);
}

void Child::replace() {
  next_ = {};
  if (running()) finish(Clock::now());
}

void Child::finish(Clock::time_point now) {
  channel_ = UniqueFd();
  if (!give_up_) give_up_ = now + kPatience;
}

bool Child::start_if_due(Clock::time_point now, int listening, const Body& body) {
  if (!wanted_ || running() || now < next_) return true;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
  channel_ = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) become(listening, theirs.get(), body);
  if (pid < 0) {
    channel_ = UniqueFd();
    next_ = now + backoff_.failed(now);
    return false;
  }
  pid_ = pid;
  ready_ = false;
  rest_.reset();
  began_ = now;
  backoff_.began(now);
  return true;
}

std::optional<Clock::time_point> Child::due() const {
  if (give_up_) return give_up_;
  if (wanted_ && !running()) return next_;
  return {};
}

void Child::kill_if_late(Clock::time_point now) {
  if (!give_up_ || now < *give_up_) return;
  ::kill(pid_, SIGKILL);
  give_up_ = now + kPatience;  // whatever keeps it, there is no more to do
}

bool Child::reaped(pid_t pid, int wait_status, Clock::time_point now) {
  if (pid != pid_) return false;
  const bool asked_to = give_up_.has_value();
  const int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : kFailed;
  const bool in_order =
      !WIFSIGNALED(wait_status) && (asked_to || (status == kStartAnew && now - began_ >= kSoon));
  rest_.reset();
  if (!in_order) rest_ = backoff_.failed(now);
  next_ = now + rest_.value_or(std::chrono::milliseconds(0));
  pid_ = -1;
  channel_ = UniqueFd();
  ready_ = false;
  give_up_.reset();
  return true;
}

void Child::hear() {
  char byte = 0;
  const auto got = ::recv(channel_.get(), &byte, 1, MSG_DONTWAIT);
  if (got == 1) ready_ = true;
  if (got == 0) channel_ = UniqueFd();  // it is about to end
}

}  // namespace nvhook::companion
