// SPDX-License-Identifier: Apache-2.0
// load_all FILE...: loads each shared object by the real loader, every symbol resolved. Exit
// status: how many failed, at most 100.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>

int main(int argc, char** argv) {
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    if (::dlopen(argv[i], RTLD_NOW | RTLD_LOCAL) != nullptr) continue;
    std::fprintf(stderr, "%s\n", ::dlerror());
    ++failures;
  }
  return std::min(failures, 100);
}
