// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nvhook::test {

// A system call as `strace -f -o FILE` writes it.
struct Call {
  int pid = 0;
  std::string name;
  std::vector<std::string> arguments;  // as written: "AT_FDCWD", "\"usr/lib\"", "O_PATH|O_CLOEXEC"
  std::string result;                  // "0", "-1 ENOENT (No such file or directory)"
};

// Lines that are no calls (signals, exits) are left out. Calls that strace wrote in two parts are
// put together.
[[nodiscard]] std::vector<Call> parse_calls(std::string_view strace);

// Whether a run had entered the container's mount namespace.
[[nodiscard]] bool has_entered(const std::vector<Call>& calls);

// What of a run could be led astray by who changes names meanwhile, a line each.
// In the whole run, from the clean start on: a descriptor that a program executed would inherit; a
// program executed, but for nvhook itself.
// Once the container's mount namespace is entered: a name looked up from the working directory or
// from the root; a lookup that follows links otherwise than openat2 scoped to a directory; a mount
// by other names than those of descriptors; a source taken.
[[nodiscard]] std::vector<std::string> wrong_calls(const std::vector<Call>& calls);

}  // namespace nvhook::test
