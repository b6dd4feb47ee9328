// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nvhook::test {

// How much the suite tries: what fits into continuous integration, less of it in a sanitized build.
// With NVHOOK_ATTACK_FULL=1 in the environment of the test program (nvhook reads none) it is what
// scripts/attack --full promises. NVHOOK_ATTACK_ATTEMPTS is the number of attempts of each race
// instead, and sets the other numbers of races in proportion.
struct Effort {
  std::uint64_t attempts;        // of each race
  std::uint64_t naive_attempts;  // of each race, by those who should lose it
  std::uint64_t hooks;           // whole runs of the hook in each race
  std::uint64_t kills;           // of containers while the hook runs

  // Of the calls of a run so many are left out between two that are made to fail; and on a kernel
  // of old, where there are three times as many. Each call fails with one error, or with every.
  std::uint64_t calls_left_out;
  std::uint64_t old_calls_left_out;
  bool every_error;
  std::uint64_t memory_requests;  // that are refused, in even steps, of all that a run makes
};
[[nodiscard]] Effort effort();

}  // namespace nvhook::test
