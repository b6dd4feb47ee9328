// SPDX-License-Identifier: Apache-2.0
// cuda-sum [--count]
//
// Adds numbers on every GPU that it is given, by the CUDA driver API alone: whether a container
// with an injected driver can compute. Prints a line for each GPU, "GPU 0: NVIDIA A100: sum is
// right"; with --count only how many there are. Ends with 1 at the first call that fails, which it
// names.
//
// Needs the C library of its root and libcuda.so.1, found by name. Source of the names, types and
// numbers: cuda.h of the CUDA toolkit.
#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using Device = int;
using Address = unsigned long long;  // CUdeviceptr
using Handle = void*;                // of a context, a module, a function

// PTX that the driver compiles for whatever GPU there is: numbers[i] += i, a thread for each i.
constexpr auto kProgram = R"(
.version 6.0
.target sm_50
.address_size 64
.visible .entry add_index(.param .u64 numbers)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [numbers];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd2, %r1, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r2, [%rd3];
  add.s32 %r2, %r2, %r1;
  st.global.u32 [%rd3], %r2;
  ret;
}
)";

constexpr std::size_t kCount = 256;
constexpr std::uint32_t kStart = 1000;

Handle library = nullptr;

// A function of libcuda.
template <class... Arguments>
auto function(const char* name) {
  auto* const found = reinterpret_cast<int (*)(Arguments...)>(::dlsym(library, name));
  if (found != nullptr) return found;
  std::fprintf(stderr, "cuda-sum: libcuda.so.1 has no %s\n", name);
  std::exit(1);
}

void require(int result, const char* name) {
  if (result == 0) return;
  std::fprintf(stderr, "cuda-sum: %s failed with CUDA error %d\n", name, result);
  std::exit(1);
}

template <class... Parameters, class... Arguments>
void call(const char* name, Arguments... arguments) {
  require(function<Parameters...>(name)(arguments...), name);
}

bool adds(Device device) {
  Handle context = nullptr;
  call<Handle*, Device>("cuDevicePrimaryCtxRetain", &context, device);
  call<Handle>("cuCtxSetCurrent", context);
  Handle program = nullptr;
  call<Handle*, const void*>("cuModuleLoadData", &program, kProgram);
  Handle kernel = nullptr;
  call<Handle*, Handle, const char*>("cuModuleGetFunction", &kernel, program, "add_index");

  std::array<std::uint32_t, kCount> numbers = {};
  numbers.fill(kStart);
  Address memory = 0;
  call<Address*, std::size_t>("cuMemAlloc_v2", &memory, sizeof numbers);
  call<Address, const void*, std::size_t>("cuMemcpyHtoD_v2", memory, numbers.data(),
                                          sizeof numbers);
  std::array<void*, 1> parameters = {&memory};
  call<Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void**,
       void**>("cuLaunchKernel", kernel, 1U, 1U, 1U, unsigned{kCount}, 1U, 1U, 0U, nullptr,
               parameters.data(), nullptr);
  call<void*, Address, std::size_t>("cuMemcpyDtoH_v2", numbers.data(), memory, sizeof numbers);
  call<Address>("cuMemFree_v2", memory);
  call<Device>("cuDevicePrimaryCtxRelease_v2", device);
  for (std::uint32_t i = 0; i < kCount; ++i)
    if (numbers[i] != kStart + i) return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  library = ::dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) {
    std::fprintf(stderr, "cuda-sum: %s\n", ::dlerror());
    return 1;
  }
  call<unsigned>("cuInit", 0U);
  int count = 0;
  call<int*>("cuDeviceGetCount", &count);
  if (argc == 2 && std::strcmp(argv[1], "--count") == 0) {
    std::printf("%d\n", count);
    return 0;
  }
  for (int place = 0; place < count; ++place) {
    Device device = 0;
    call<Device*, int>("cuDeviceGet", &device, place);
    std::array<char, 256> name = {};
    call<char*, int, Device>("cuDeviceGetName", name.data(), int{name.size()}, device);
    if (!adds(device)) {
      std::fprintf(stderr, "cuda-sum: GPU %d does not add\n", place);
      return 1;
    }
    std::printf("GPU %d: %s: sum is right\n", place, name.data());
  }
  return 0;
}
