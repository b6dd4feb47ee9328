// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "nvml/child.hpp"

namespace nvhook::nvml {

// Reads what the child writes to the pipe, `most` bytes of it, until it has ended or its time is
// over. Then it is ended, with all of its session.
[[nodiscard]] Said hear_out(Child child, int pipe, std::size_t most, Clock::time_point give_up);

// One piece more of what is said; how many bytes, 0 at the end, -1 with errno.
[[nodiscard]] ssize_t read_more(int pipe, std::string& text);

}  // namespace nvhook::nvml
