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
  const auto attached = device_programs_of(argv[1]);
  const auto texts = texts_of_device_programs(argv[1]);
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::printf("# program %u, attached with flags %u\n%s", attached.ids[i], attached.flags,
                texts[i].c_str());
  return 0;
}
