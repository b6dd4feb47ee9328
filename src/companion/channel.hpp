// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "nvhook/base/unique_fd.hpp"

// Between the main process and one that it starts: a socket that says two things. The child writes
// a byte when it serves; the parent closes its end when the child is to finish, and so does its
// death. No signal has to reach a process of another user for that.
namespace nvhook::companion {

// How a child ends.
inline constexpr int kFinished = 0;
inline constexpr int kFailed = 1;
inline constexpr int kStartAnew = 10;  // the driver is another one: at once, please

// In a child: the descriptors that it has beside the standard streams.
struct Channel {
  UniqueFd listening;
  UniqueFd parent;
};

// Tells the parent that the child serves.
void say_ready(const Channel& channel);

}  // namespace nvhook::companion
