// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attack/contestant.hpp"

namespace nvhook::test {

// What came of many attempts.
struct Tally {
  std::uint64_t attempts = 0;
  std::uint64_t raced = 0;    // attempts during which the racer changed something
  std::uint64_t swaps = 0;    // by the racer, in all
  std::uint64_t placed = 0;   // attempts that were said to have succeeded
  std::uint64_t escapes = 0;  // attempts that reached something outside the root
  // Attempts that were said to have succeeded although not everything stood; and those after which
  // something of the image was otherwise that is not the loader's cache.
  std::uint64_t untrue = 0;
  std::uint64_t left_behind = 0;             // attempts after which mounts were left
  std::array<char, 512> first_escape{};      // what the first one reached
  std::array<std::uint64_t, 64> refusals{};  // by the place of the id in all_errors()

  [[nodiscard]] std::uint64_t refused() const { return attempts - placed; }
  [[nodiscard]] std::vector<std::string> refusal_ids() const;
};

using MakeContestant = std::function<std::unique_ptr<Contestant>(const Attempted&)>;

// Of so many attempts the racer changes something during more than one: else it is no race.
inline constexpr std::uint64_t kRacedAtLeast = 100;

struct Contest {
  Race race = Race::DirectoryAndAbsoluteLink;
  MakeContestant contestant = {};
  std::uint64_t attempts = 0;
  // Called in the process that will make the attempts, before it does anything.
  std::function<void()> prepare = {};
  // Goes on beyond `attempts`, a hundred times as long, until something has escaped or was untrue.
  bool until_lost = false;
};

// Runs the attempts, in a process of its own, against a racer in another one. Aborts the test
// program if either cannot be set up.
Tally hold(const Contest& contest);

}  // namespace nvhook::test
