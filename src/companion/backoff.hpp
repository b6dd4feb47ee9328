// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace nvhook::companion {

using Clock = std::chrono::steady_clock;

// When something that failed is tried again: soon at first, then ever later, with a bound. What
// held for a while counts as new.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{100};
  static constexpr std::chrono::milliseconds kLongest{10'000};
  static constexpr std::chrono::milliseconds kHeld{10'000};

  void began(Clock::time_point now) { began_ = now; }

  // How long to wait after a failure at `now`.
  [[nodiscard]] std::chrono::milliseconds failed(Clock::time_point now) {
    if (now - began_ >= kHeld) next_ = kFirst;
    const auto wait = next_;
    next_ = std::min(next_ * 2, kLongest);
    return wait;
  }

 private:
  Clock::time_point began_{};
  std::chrono::milliseconds next_ = kFirst;
};

}  // namespace nvhook::companion
