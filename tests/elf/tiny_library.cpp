// SPDX-License-Identifier: Apache-2.0
// A shared object as the real tools make it; elf and ldcache tests read it.
extern "C" int nvhook_test_answer() { return 42; }
