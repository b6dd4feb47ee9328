// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nvhook::test {

// What stands between a test and the program whose memory fails: a file that both map.
struct MemoryOrder {
  std::uint64_t failing = 0;   // which request fails, from 1; 0: none
  std::uint64_t for_good = 0;  // whether all that follow fail as well
  std::uint64_t requests = 0;  // how many there were, of all processes together
};

}  // namespace nvhook::test
