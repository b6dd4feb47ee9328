// SPDX-License-Identifier: Apache-2.0
#include "attack/effort.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

constexpr Effort kUsual = {.attempts = 2'000,
                           .naive_attempts = 200,
                           .hooks = 20,
                           .kills = 100,
                           .calls_left_out = 0,
                           .old_calls_left_out = 4,
                           .every_error = false,
                           .memory_requests = 150};
constexpr Effort kSanitizedOne = {.attempts = 500,
                                  .naive_attempts = 100,
                                  .hooks = 5,
                                  .kills = 25,
                                  .calls_left_out = 19,
                                  .old_calls_left_out = 79,
                                  .every_error = false,
                                  .memory_requests = 50};
constexpr Effort kFull = {.attempts = 200'000,
                          .naive_attempts = 10'000,
                          .hooks = 2'000,
                          .kills = 2'000,
                          .calls_left_out = 0,
                          .old_calls_left_out = 0,
                          .every_error = true,
                          .memory_requests = std::numeric_limits<std::uint64_t>::max()};

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Effort effort() {
  auto effort = kSanitized ? kSanitizedOne : kUsual;
  if (environment("NVHOOK_ATTACK_FULL") == "1") effort = kFull;
  if (const auto asked = std::strtoull(environment("NVHOOK_ATTACK_ATTEMPTS").data(), nullptr, 10)) {
    effort.attempts = asked;
    effort.naive_attempts = std::max(asked / 2, 1ULL);
    effort.hooks = std::max(asked / 100, 1ULL);
    effort.kills = std::max(asked / 20, 1ULL);
  }
  return effort;
}

}  // namespace nvhook::test
