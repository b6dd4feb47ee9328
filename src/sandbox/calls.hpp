// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nvhook::sandbox {

// A call is let through if, for each condition, (argument & mask) == value.
struct Condition {
  unsigned argument = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

// One row of a filter: a system call, and under which conditions. A call may have several rows, any
// of which will do.
struct Call {
  std::string name;
  std::vector<Condition> conditions;
};

// What one filter lets through. Everything else ends the process.
struct Table {
  std::string name;  // as enum Filter in filter.hpp has it, and "Instrumented"
  std::vector<Call> calls;
};

// For the tool that makes the filters' programs while nvhook is built; no part of nvhook itself.
[[nodiscard]] std::vector<Table> tables();

}  // namespace nvhook::sandbox
