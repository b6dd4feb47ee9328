// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace nvhook::test {

// What /proc/<pid>/status says of a process's privileges, proc(5). Sets have a bit for each
// capability.
struct ProcessStatus {
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t effective = 0;
  std::uint64_t bounding = 0;
  std::uint64_t ambient = 0;
  bool no_new_privileges = false;
  int seccomp = 0;  // 2: filters
};

[[nodiscard]] ProcessStatus status_of(pid_t pid);

// "dac_override sys_admin": capabilities of the kernel's by name, those that nvhook may hold, and
// the numbers of others.
[[nodiscard]] std::string names_of(std::uint64_t set);

}  // namespace nvhook::test
