// SPDX-License-Identifier: Apache-2.0
// nvidia-smi of the simulated driver. Loads libnvidia-ml.so.1 the way the real one does, through
// the loader's own search, so it finds GPUs only where the library was injected properly.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

// Names as glibc before 2.34 has them in libdl, so that it runs in older distributions too.
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");

namespace {

using Handle = void*;

struct Nvml {
  int (*init)();
  int (*shutdown)();
  int (*driver_version)(char*, unsigned);
  int (*count)(unsigned*);
  int (*handle)(unsigned, Handle*);
  int (*name)(Handle, char*, unsigned);
  int (*uuid)(Handle, char*, unsigned);
  int (*minor)(Handle, unsigned*);
  const char* (*error_text)(int);
};

// Exit statuses besides NVML's own return codes, as nvidia-smi(1) lists them.
constexpr int kUsage = 2;
constexpr int kNoDevices = 6;
constexpr int kDriverNotLoaded = 9;
constexpr int kNoLibrary = 12;
constexpr int kNoFunction = 13;

template <class Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  return function != nullptr;
}

bool find_all(void* library, Nvml& nvml) {
  return find(library, "nvmlInit_v2", nvml.init) && find(library, "nvmlShutdown", nvml.shutdown) &&
         find(library, "nvmlSystemGetDriverVersion", nvml.driver_version) &&
         find(library, "nvmlDeviceGetCount_v2", nvml.count) &&
         find(library, "nvmlDeviceGetHandleByIndex_v2", nvml.handle) &&
         find(library, "nvmlDeviceGetName", nvml.name) &&
         find(library, "nvmlDeviceGetUUID", nvml.uuid) &&
         find(library, "nvmlDeviceGetMinorNumber", nvml.minor) &&
         find(library, "nvmlErrorString", nvml.error_text);
}

struct Gpu {
  char name[96];
  char uuid[96];
  unsigned minor;
};

int read_gpu(const Nvml& nvml, unsigned index, Gpu& gpu) {
  Handle handle = nullptr;
  if (const int failed = nvml.handle(index, &handle); failed != 0) return failed;
  if (const int failed = nvml.name(handle, gpu.name, sizeof gpu.name); failed != 0) return failed;
  if (const int failed = nvml.uuid(handle, gpu.uuid, sizeof gpu.uuid); failed != 0) return failed;
  return nvml.minor(handle, &gpu.minor);
}

void print_line(unsigned index, const Gpu& gpu) {
  std::printf("GPU %u: %s (UUID: %s)\n", index, gpu.name, gpu.uuid);
}

constexpr char kRule[] =
    "+-----+-------+----------------------------------+"
    "------------------------------------------+";

void print_row(unsigned index, const Gpu& gpu) {
  std::printf("| %3u | %5u | %-32s | %-40s |\n", index, gpu.minor, gpu.name, gpu.uuid);
}

void print_heading(const Nvml& nvml) {
  char version[80] = "?";
  nvml.driver_version(version, sizeof version);
  std::printf("NVIDIA-SMI of the simulated driver      Driver Version: %s\n%s\n", version, kRule);
  std::printf("| %3s | %5s | %-32s | %-40s |\n%s\n", "GPU", "Minor", "Name", "UUID", kRule);
}

enum class Form { Lines, Table };

int report(const Nvml& nvml, Form form) {
  unsigned count = 0;
  if (const int failed = nvml.count(&count); failed != 0) {
    std::fprintf(stderr, "Unable to count devices: %s\n", nvml.error_text(failed));
    return failed;
  }
  if (count == 0) {
    std::puts("No devices were found");
    return kNoDevices;
  }
  if (form == Form::Table) print_heading(nvml);
  for (unsigned index = 0; index < count; ++index) {
    Gpu gpu;
    if (const int failed = read_gpu(nvml, index, gpu); failed != 0) {
      std::fprintf(stderr, "Unable to read GPU %u: %s\n", index, nvml.error_text(failed));
      return failed;
    }
    form == Form::Lines ? print_line(index, gpu) : print_row(index, gpu);
  }
  if (form == Form::Table) std::puts(kRule);
  return 0;
}

int run(Form form) {
  void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::puts(
        "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that "
        "the NVIDIA Display Driver is properly installed and present in your system.");
    return kNoLibrary;
  }
  Nvml nvml;
  if (!find_all(library, nvml)) {
    std::puts("Failed to initialize NVML: Function Not Found");
    return kNoFunction;
  }
  if (const int failed = nvml.init(); failed != 0) {
    if (failed == kDriverNotLoaded)
      std::puts(
          "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make "
          "sure that the latest NVIDIA driver is installed and running.");
    else
      std::printf("Failed to initialize NVML: %s\n", nvml.error_text(failed));
    return failed;
  }
  const int status = report(nvml, form);
  nvml.shutdown();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return run(Form::Table);
  if (argc == 2 && (std::strcmp(argv[1], "-L") == 0 || std::strcmp(argv[1], "--list-gpus") == 0))
    return run(Form::Lines);
  std::fprintf(stderr, "usage: nvidia-smi [-L | --list-gpus]   (simulated driver)\n");
  return kUsage;
}
