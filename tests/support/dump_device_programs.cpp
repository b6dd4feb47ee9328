// SPDX-License-Identifier: Apache-2.0
// dump-device-programs CGROUP
//
// Prints the device programs that are attached to a cgroup v2 as text, in the form that
// tests/cgroup/programs/ has them in. Needs root.
#include <cstdio>

#include "support/device_programs.hpp"

int main(int argc, char** argv) {
  using namespace nvhook::test;
  if (argc != 2) {
    std::fputs("usage: dump-device-programs CGROUP\n", stderr);
    return 64;
  }
  std::fputs(text_of_device_programs(argv[1]).c_str(), stdout);
  return 0;
}
