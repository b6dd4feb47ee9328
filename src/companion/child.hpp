// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

#include "backoff.hpp"
#include "channel.hpp"

namespace nvhook::companion {

// A process that serves one socket, kept running: started anew when it ends, later and later if it
// does so soon.
class Child {
 public:
  using Body = std::function<int(Channel)>;  // what the process does; its exit status

  // Whether it shall run. A process that runs finishes in its own time when it shall not.
  void want(bool wanted, Clock::time_point now);
  // It finishes, and is started once more at once: what it serves has changed.
  void replace();

  // Starts it if that is due. `listening` is lent. False if there is no process to be had.
  bool start_if_due(Clock::time_point now, int listening, const Body& body);
  // When start_if_due() or kill_if_late() is due next.
  [[nodiscard]] std::optional<Clock::time_point> due() const;
  void kill_if_late(Clock::time_point now);

  // A process has ended: whether it was this one. `wait_status` as of waitpid(2).
  bool reaped(pid_t pid, int wait_status, Clock::time_point now);
  // After reaped(): how long until it is started anew, if it failed.
  [[nodiscard]] std::optional<std::chrono::milliseconds> rest() const { return rest_; }

  [[nodiscard]] bool running() const { return pid_ > 0; }
  // Says that it serves: to be read when it can be; -1 without.
  [[nodiscard]] int channel() const { return channel_.get(); }
  void hear();
  [[nodiscard]] bool ready() const { return ready_; }

 private:
  void finish(Clock::time_point now);

  bool wanted_ = false;
  pid_t pid_ = -1;
  UniqueFd channel_;
  bool ready_ = false;
  Backoff backoff_;
  Clock::time_point began_{};
  Clock::time_point next_{};                       // not started before
  std::optional<Clock::time_point> give_up_;       // killed then
  std::optional<std::chrono::milliseconds> rest_;  // after a failure
};

}  // namespace nvhook::companion
