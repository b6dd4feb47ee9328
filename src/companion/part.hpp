// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>

#include <optional>
#include <string>

#include "backoff.hpp"
#include "child.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// One of the two that are served: a socket (sockets.hpp), the process for it, and when the socket
// is tried again if it is not to be had.
template <class Socket>
struct Part {
  const char* name;
  bool wanted = false;
  Socket socket{};
  Child child{};
  Backoff backoff{};
  Clock::time_point next{};  // to open the socket
  std::string trouble{};     // why it could not be opened: it is said once

  // Has the socket where the setup wants it. What is there stays if it fails.
  Result<void> open(const Setup& setup, Clock::time_point now) {
    if (socket.is_for(setup)) return {};
    backoff.began(now);
    auto opened = socket.open(setup);
    if (!opened) next = now + backoff.failed(now);
    return opened;
  }
  // Says why it failed, once.
  void complain(const Error& why, const Log& log) {
    if (trouble != why.message()) log.error(why);
    trouble = why.message();
  }
  bool open_or_complain(const Setup& setup, const Log& log, Clock::time_point now) {
    const auto opened = open(setup, now);
    opened ? trouble.clear() : complain(opened.error(), log);
    return opened.has_value();
  }

  // What is due now.
  void tick(const Setup& setup, bool stopping, const Child::Body& body, const Log& log,
            Clock::time_point now) {
    child.want(wanted && !stopping, now);
    child.kill_if_late(now);
    if (!wanted || stopping || (now >= next && !open_or_complain(setup, log, now))) return;
    if (socket.get() >= 0) child.start_if_due(now, socket.get(), body);
  }

  // When tick() is due next.
  [[nodiscard]] std::optional<Clock::time_point> due(const Setup& setup, bool stopping) const {
    if (wanted && !stopping && !socket.is_for(setup)) return next;
    return child.due();
  }

  // A process has ended: whether it was that of this part.
  bool has_ended(pid_t pid, int status, bool stopping, const Log& log, Clock::time_point now) {
    if (!child.reaped(pid, status, now)) return false;
    const auto rest = child.rest();
    if (!rest) return true;
    const auto how = WIFSIGNALED(status)
                         ? "was ended by signal " + std::to_string(WTERMSIG(status))
                         : "ended with status " + std::to_string(WEXITSTATUS(status));
    log.say("The process of the " + std::string(name) + " " + how +
            (stopping ? "" : ", and is started again in " + std::to_string(rest->count()) + " ms"));
    return true;
  }

  [[nodiscard]] bool failing() const { return socket.get() < 0 || child.rest().has_value(); }

  // For the service manager.
  [[nodiscard]] std::string status() const {
    const auto state = !wanted           ? "off"
                       : child.ready()   ? "up"
                       : trouble.empty() ? "not up"
                                         : trouble;
    return std::string(name) + ": " + state;
  }
};

}  // namespace nvhook::companion
