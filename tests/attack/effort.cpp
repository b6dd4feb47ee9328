// SPDX-License-Identifier: Apache-2.0
#include "attack/effort.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace nvhook::test {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Effort effort() {
  Effort effort;
  if (environment("NVHOOK_ATTACK_FULL") == "1")
    effort = {.attempts = 200'000, .naive_attempts = 100'000, .hooks = 2'000};
  const auto asked = std::strtoull(environment("NVHOOK_ATTACK_ATTEMPTS").data(), nullptr, 10);
  if (asked > 0)
    effort = {.attempts = asked,
              .naive_attempts = std::max<std::uint64_t>(asked / 2, 1),
              .hooks = std::max<std::uint64_t>(asked / 100, 1)};
  return effort;
}

}  // namespace nvhook::test
