// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/command.hpp"

namespace nvhook::test {

// A system call that a process is about to make; it waits for our answer.
struct WatchedCall {
  pid_t pid = -1;
  // Whether the program makes it, and not a process that it has started.
  bool by_program = true;
  int number = -1;  // SYS_openat2, ...
  std::array<std::uint64_t, 6> arguments{};

  [[nodiscard]] std::string name() const;
  // The text that an argument points to; empty if there is none.
  [[nodiscard]] std::string text(std::size_t argument) const;
};

// What becomes of a call.
struct Answer {
  int error = 0;      // it fails with this errno; 0: it happens
  bool kill = false;  // the process is killed before the call happens
};
using Watch = std::function<Answer(const WatchedCall&)>;

// The kernel that a program sees. New: this machine's. Old: as Linux 4.18, without the calls of
// new_kernel_calls().
enum class Tier { New, Old };

// How a program is run. Only `arguments` must be given; the program is found by execvp(3).
struct Launch {
  std::vector<std::string> arguments;
  std::string input = {};
  std::vector<std::string> environment = {};  // this and nothing else
  Tier tier = Tier::New;
  // Done in the new process, with its standard streams and its kernel in place, before the program
  // starts.
  std::function<void()> before = {};
  // Asked about each system call of the program and of all that it starts, but exit, exit_group,
  // rt_sigreturn, the start itself, and calls that its kernel does not have. May look at the
  // waiting process in /proc.
  Watch watch = {};
  // Nothing that is tested takes so long.
  std::chrono::seconds patience{60};
};

struct Ended : Finished {
  bool hung = false;  // it was killed for having run out of patience
};

Ended launch(const Launch& launch);

}  // namespace nvhook::test
