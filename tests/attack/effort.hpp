// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nvhook::test {

// How much the suite tries. With NVHOOK_ATTACK_FULL=1 in the environment of the test program it is
// what scripts/attack --full promises, else what fits into continuous integration.
// NVHOOK_ATTACK_ATTEMPTS is the number of attempts of each race instead, and sets the others in
// proportion.
struct Effort {
  std::uint64_t attempts = 2'000;      // of each race
  std::uint64_t naive_attempts = 200;  // of each race, by those who should lose it
  std::uint64_t hooks = 20;            // whole runs of the hook in each race
  std::uint64_t kills = 100;           // of containers while the hook runs
};
[[nodiscard]] Effort effort();

}  // namespace nvhook::test
