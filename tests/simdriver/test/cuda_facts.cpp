// SPDX-License-Identifier: Apache-2.0
// cuda_facts: prints what libcuda.so.1 answers, "<CUDA version> <cuInit's result> <GPUs>".
#include <dlfcn.h>

#include <cstdio>

template <class Function>
static Function* find(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

int main() {
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 1;
  }
  const auto driver_version = find<int(int*)>(library, "cuDriverGetVersion");
  const auto init = find<int(unsigned)>(library, "cuInit");
  const auto count = find<int(int*)>(library, "cuDeviceGetCount");
  if (driver_version == nullptr || init == nullptr || count == nullptr) return 2;

  int version = 0;
  int gpus = 0;
  driver_version(&version);
  const int initialised = init(0);
  count(&gpus);
  std::printf("%d %d %d\n", version, initialised, gpus);
  return 0;
}
