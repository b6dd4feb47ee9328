// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "attack/race_ground.hpp"

namespace nvhook::test {

// What an attempt works on: a container that waits, and what is to be put into it.
struct Attempted {
  const RaceGround& ground;
  pid_t container;
  Wanted wanted;
  Racer& racer;
};

// Somebody who puts things into a container while a racer changes its names: the place step of
// nvhook, or one that was made to lose. Lives in a process of its own, where it may change the
// mount namespace.
class Contestant {
 public:
  virtual ~Contestant() = default;
  // Puts everything in its place, up to the first failure. Returns the failure's id, empty if there
  // is none.
  [[nodiscard]] virtual std::string place() = 0;
  // Likewise, whether everything still stands. Called after place() has succeeded.
  [[nodiscard]] virtual std::string verify() = 0;
  // Takes everything away again.
  virtual void take_away() = 0;
};

// The place step of nvhook itself: survey, capture, enter, place, verify, roll back.
std::unique_ptr<Contestant> make_nvhook(const Attempted& attempted);

// The positive controls: a racer that they survive has not raced.
//
// Resolves the target to a path, sees that it is inside the root, and works with that path: what
// hooks and runtimes have done for years.
std::unique_ptr<Contestant> make_path_based(const Attempted& attempted);

// Walks by descriptors and follows links by hand, but lets the kernel go to the ".." of a directory
// that may have been moved.
std::unique_ptr<Contestant> make_kernel_dotdot_walker(const Attempted& attempted);

}  // namespace nvhook::test
