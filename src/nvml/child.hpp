// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "nvhook/base/unique_fd.hpp"
#include "nvml/said.hpp"

namespace nvhook::nvml {

using Clock = std::chrono::steady_clock;

// For poll(2): how long it is until then.
[[nodiscard]] int milliseconds_to(Clock::time_point time);

// Whether the descriptor can be read at that time.
[[nodiscard]] bool await(int fd, Clock::time_point give_up);

// How hearing a child ended.
enum class Heard : std::uint8_t {
  Whole,    // all that it has to say
  Late,     // its time was over
  TooMuch,  // it said too much
};

// A child process that leads a session of its own. It must not have been waited for, so that its
// number is still its own.
class Child {
 public:
  explicit Child(pid_t pid);

  // To be called once, when it was heard: lets it end by itself until then if all was heard, and
  // kills it otherwise, in either case with the rest of its session. Reaps it, unless the kernel
  // does not let it end: then it is left to whoever waits for it, or inherits it.
  [[nodiscard]] Said conclude(Heard heard, std::string text, Clock::time_point give_up);

  // Ends it at once, and reaps it likewise. How it ended, as wait(2) tells it.
  std::optional<int> kill();

 private:
  [[nodiscard]] bool await_end(Clock::time_point give_up) const;

  pid_t pid_;
  UniqueFd pidfd_;  // empty on kernels before 5.3
};

}  // namespace nvhook::nvml
