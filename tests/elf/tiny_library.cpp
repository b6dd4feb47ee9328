// SPDX-License-Identifier: Apache-2.0
// A shared object as the real tools make it, which needs the C library; elf and ldcache tests read
// it.
#include <unistd.h>

extern "C" int nvhook_test_process() { return ::getpid(); }
