// SPDX-License-Identifier: Apache-2.0
// without-calls ERRNO CALL[,CALL...] PROGRAM [ARGUMENT...]
//
// Runs a program for which the named system calls answer ERRNO: ENOSYS, EPERM or a number. The word
// new-kernel-calls stands for those that Linux 4.18 does not have.
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "support/take_away_calls.hpp"

namespace {

// 0 if it is none.
int error_number(std::string_view text) {
  if (text == "ENOSYS") return ENOSYS;
  if (text == "EPERM") return EPERM;
  return std::atoi(text.data());
}

std::vector<std::string> calls_named(std::string_view list) {
  std::vector<std::string> calls;
  for (;;) {
    const auto word = list.substr(0, list.find(','));
    if (word == "new-kernel-calls") {
      const auto& all = nvhook::test::new_kernel_calls();
      calls.insert(calls.end(), all.begin(), all.end());
    } else {
      calls.emplace_back(word);
    }
    if (word.size() == list.size()) return calls;
    list.remove_prefix(word.size() + 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int error = argc < 4 ? 0 : error_number(argv[1]);
  if (error <= 0) {
    std::fputs("usage: without-calls ERRNO CALL[,CALL...] PROGRAM [ARGUMENT...]\n", stderr);
    return 64;
  }
  nvhook::test::take_away_calls(calls_named(argv[2]), error);
  // With LD_PROFILE in the environment our own loader has started one, and it would go on.
  const itimerval none{};
  ::setitimer(ITIMER_PROF, &none, nullptr);
  ::execvp(argv[3], argv + 3);
  std::perror(argv[3]);
  return 127;
}
