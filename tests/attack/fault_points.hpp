// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "support/launch.hpp"

namespace nvhook::test {

// What such a call fails with in life, most of all.
[[nodiscard]] int usual_error(int call);

// A call by the hook or by its parser child, counted from the hook's clean start on: what comes
// before is the loader's and the C library's.
struct Point {
  bool by_program = true;
  std::size_t nth = 0;
  int call = -1;
  bool can_fail = true;
  [[nodiscard]] std::string name() const {
    return (by_program ? "call " : "call of the parser ") + std::to_string(nth) + ", " +
           WatchedCall{.number = call}.name();
  }
};

// Tells the points of a run in their order.
class Counter {
 public:
  // Nothing for a call before the start.
  std::optional<Point> next(const WatchedCall& call);

 private:
  bool started_ = false;
  std::size_t of_program_ = 0;
  std::size_t of_parser_ = 0;
};

}  // namespace nvhook::test
