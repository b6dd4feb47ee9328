// SPDX-License-Identifier: Apache-2.0
// libcuda.so.1 of the simulated driver: enough of the driver API (cuda.h of the CUDA toolkit) to
// learn its version and to count GPUs.
#include <cstddef>

#include "description.hpp"
#include "device_node.hpp"

namespace {

// CUresult
constexpr int kSuccess = 0;
constexpr int kInvalidValue = 1;
constexpr int kNotInitialized = 3;
constexpr int kNoDevice = 100;
constexpr int kOperatingSystem = 304;
constexpr int kUnknown = 999;

constexpr int kArchMajor = 75;
constexpr int kArchMinor = 76;

int device_count = -1;  // before cuInit

// "arch": 80 is 8.0.
int give_arch(const simdriver::Gpu& gpu, int attribute, int* value) {
  unsigned long long both = 0;
  if (!simdriver::number_of(gpu, "arch", both)) return kInvalidValue;
  *value = static_cast<int>(attribute == kArchMajor ? both / 10 : both % 10);
  return kSuccess;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// Works without cuInit and without a GPU.
int cuDriverGetVersion(int* version) {
  if (version == nullptr) return kInvalidValue;
  *version = simdriver::cuda_version();
  return kSuccess;
}

// The real one needs /dev/nvidia-uvm too, and answers 999 without it.
int cuInit(unsigned flags) {
  if (flags != 0) return kInvalidValue;
  if (const int refused = simdriver::fate_of("cuInit"); refused != 0) return refused;
  if (simdriver::access_to("/dev/nvidiactl") != simdriver::Access::Allowed) return kNoDevice;
  switch (simdriver::access_to("/dev/nvidia-uvm")) {
    case simdriver::Access::Allowed:
      break;
    case simdriver::Access::Denied:
      return kOperatingSystem;
    case simdriver::Access::Missing:
      return kUnknown;
  }
  simdriver::Gpu all[simdriver::kMaxGpus];
  const auto count = simdriver::gpus(all);
  int visible = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (simdriver::access_to_gpu(all[i].minor) == simdriver::Access::Allowed) ++visible;
  if (visible == 0) return kNoDevice;
  device_count = visible;
  return kSuccess;
}

int cuDeviceGetCount(int* count) {
  if (device_count < 0) return kNotInitialized;
  if (count == nullptr) return kInvalidValue;
  *count = device_count;
  return kSuccess;
}

int cuDeviceGetByPCIBusId(int* device, const char* bus) {
  if (device_count < 0) return kNotInitialized;
  simdriver::Gpu all[simdriver::kMaxGpus];
  const auto count = simdriver::gpus(all);
  for (std::size_t i = 0; i < count; ++i)
    if (all[i].text.find(bus) != std::string_view::npos) {
      *device = static_cast<int>(i);
      return kSuccess;
    }
  return kInvalidValue;
}

// "cuda_16": 108, by the attribute's number.
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  simdriver::Gpu all[simdriver::kMaxGpus];
  if (device < 0 || static_cast<std::size_t>(device) >= simdriver::gpus(all)) return kInvalidValue;
  if (attribute == kArchMajor || attribute == kArchMinor)
    return give_arch(all[device], attribute, value);
  char key[] = "cuda_00";
  key[5] = static_cast<char>('0' + attribute / 10 % 10);
  key[6] = static_cast<char>('0' + attribute % 10);
  unsigned long long number = 0;
  if (!simdriver::number_of(all[device], key, number)) return kInvalidValue;
  *value = static_cast<int>(number);
  return kSuccess;
}

int cuDeviceTotalMem_v2(std::size_t* bytes, int device) {
  simdriver::Gpu all[simdriver::kMaxGpus];
  if (device < 0 || static_cast<std::size_t>(device) >= simdriver::gpus(all)) return kInvalidValue;
  unsigned long long number = 0;
  if (!simdriver::number_of(all[device], "cuda_memory_bytes", number) &&
      !simdriver::number_of(all[device], "memory_bytes", number))
    return kInvalidValue;
  *bytes = number;
  return kSuccess;
}

int cuDeviceCanAccessPeer(int* can, int device, int peer) {
  simdriver::Gpu all[simdriver::kMaxGpus];
  const auto count = simdriver::gpus(all);
  if (device < 0 || peer < 0 || static_cast<std::size_t>(device) >= count ||
      static_cast<std::size_t>(peer) >= count)
    return kInvalidValue;
  unsigned long long status = 0;
  *can = device != peer && simdriver::number_of(all[device], "p2p_status", status) && status == 0;
  return kSuccess;
}

}  // extern "C"
#pragma GCC visibility pop
