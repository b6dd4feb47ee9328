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
  if (const auto asked = std::strtoull(environment("NVHOOK_ATTACK_ATTEMPTS").data(), nullptr, 10))
    return {.attempts = asked,
            .naive_attempts = std::max(asked / 2, 1ULL),
            .hooks = std::max(asked / 100, 1ULL),
            .kills = std::max(asked / 20, 1ULL)};
  if (environment("NVHOOK_ATTACK_FULL") == "1")
    return {.attempts = 200'000, .naive_attempts = 100'000, .hooks = 2'000, .kills = 2'000};
  return {};
}

}  // namespace nvhook::test
