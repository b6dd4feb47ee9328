// SPDX-License-Identifier: Apache-2.0
// naive-hook PID ROOTFS bind SOURCE TARGET | naive-hook PID ROOTFS link TEXT PATH
//
// Does one step of what a hook does, as hooks of old did it: enters the container's mount namespace
// and goes by paths there. The positive control of the attack suite.
#include <fcntl.h>
#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "attack/naive_place.hpp"

int main(int argc, char** argv) {
  using namespace nvhook::test;
  if (argc != 6) return 64;
  const std::string rootfs = argv[2];
  const auto space = "/proc/" + std::string(argv[1]) + "/ns/mnt";
  const int fd = ::open(space.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::setns(fd, CLONE_NEWNS) != 0) {
    std::perror("enter");
    return EXIT_FAILURE;
  }
  const auto act = std::string_view(argv[3]) == "bind" ? naive_place : naive_link;
  const int error = act(argv[4], rootfs, argv[5], Caution::None);
  if (error != 0) std::fprintf(stderr, "naive: %s: %s\n", argv[5], std::strerror(error));
  return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
