// SPDX-License-Identifier: Apache-2.0
// dlopen-probe NAME...: loads each library as programs do, every symbol resolved, and prints a line
// for each: "NAME: the path that it was loaded from", or "NAME: what the loader says". Exit status 1
// if one was not loaded.
// It runs in containers, with glibc (built as C++, for glibc 2.17 and later) and with musl (as C).
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

#ifdef __GLIBC__
// As glibc before 2.34 has them, in libdl.
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlerror, dlerror@GLIBC_2.2.5");
__asm__(".symver dlinfo, dlinfo@GLIBC_2.3.3");
#endif

int main(int argc, char** argv) {
  int status = 0;
  for (int i = 1; i < argc; ++i) {
    void* const library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
    struct link_map* map;
    if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0) {
      printf("%s: %s\n", argv[i], map->l_name);
    } else {
      printf("%s: %s\n", argv[i], dlerror());
      status = 1;
    }
  }
  return status;
}
