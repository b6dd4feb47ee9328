// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/command.hpp"

namespace nvhook::test {

// A process that is about to make a system call, and stands still until it was looked at.
struct Stop {
  pid_t pid = -1;
  bool first = true;  // the program itself, not a process that it forked
  long call = -1;
  std::array<std::uint64_t, 6> arguments = {};
};

// The text that an argument points to, at most 255 bytes; empty if it points nowhere.
[[nodiscard]] std::string text_at(const Stop& stop, unsigned argument);

enum class Then { GoOn, Release };

// As run(), and has `look` see each system call of the program and the processes that it forks.
// With Release the one that stands still makes its call, which must return, and is then stopped as
// by SIGSTOP and traced by nobody while `meanwhile` runs. By ptrace(2): a sanitized program must
// not look for leaks then.
Finished run_watched(const std::vector<std::string>& arguments, std::string_view input,
                     const std::vector<std::string>& environment,
                     const std::function<Then(const Stop&)>& look,
                     const std::function<void(pid_t)>& meanwhile = {});

}  // namespace nvhook::test
