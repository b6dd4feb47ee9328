// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "nvhook/nvml/what.hpp"
#include "nvml/program.hpp"

// The process that keeps nvhook-nvml for a Watch. Over a stream socket it gets questions of one
// byte, and gives for each, in order, what the program said (said.hpp).
namespace nvhook::nvml {

struct Put {
  What what = What::Everything;
  bool anew = false;  // the last answer was none: by another program
};

[[nodiscard]] constexpr char byte_of(Put put) {
  return static_cast<char>((put.what == What::Status ? 1 : 0) | (put.anew ? 2 : 0));
}

[[nodiscard]] constexpr Put put_by(char byte) {
  return {.what = (byte & 1) != 0 ? What::Status : What::Everything, .anew = (byte & 2) != 0};
}

// Becomes that process: nobody, with no descriptors but these. Ends when the other end of the
// socket is closed, and with the parent, and the program with it.
[[noreturn]] void guard_program(const Files& files, int socket, std::chrono::milliseconds deadline,
                                pid_t parent);

}  // namespace nvhook::nvml
