// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace nvhook::nvml {

using Clock = std::chrono::steady_clock;

// What a child process said, and how it ended.
struct Said {
  enum class End : std::uint8_t {
    Status,   // by itself, with the exit status `number`
    Signal,   // by the signal `number`
    Late,     // by us, when its time was over
    TooMuch,  // by us, when it said too much
  };
  std::string text;
  End end = End::Status;
  int number = 0;
};

// Reads what the child writes to the pipe, `most` bytes of it, until it has ended or its time is
// over. The child leads a session of its own, all of which is killed. Reaps it, unless the kernel
// does not let it end: then it is left to whoever inherits it. The child must not have been waited
// for, so that its number is still its own.
[[nodiscard]] Said hear_out(pid_t pid, int pipe, std::size_t most, Clock::time_point give_up);

}  // namespace nvhook::nvml
