// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "nvml/device.hpp"

namespace nvhook::nvml {
namespace {

// CUdevice_attribute
constexpr int kTotalConstantMemory = 9;
constexpr int kMultiprocessors = 16;
constexpr int kEcc = 32;
constexpr int kMemoryClock = 36;
constexpr int kMemoryBusWidth = 37;
constexpr int kL2CacheSize = 38;
constexpr int kSharedMemoryOfMultiprocessor = 81;

}  // namespace

std::optional<CudaDevice> cuda_device_of(const Library& cuda, const std::string& bus) {
  int device = -1;
  if (cuda.call("cuDeviceGetByPCIBusId", &device, bus.c_str()) != kSuccess) return std::nullopt;
  const auto attribute = [&](int which) -> std::optional<std::uint32_t> {
    int value = 0;
    if (cuda.call("cuDeviceGetAttribute", &value, which, device) != kSuccess || value < 0)
      return std::nullopt;
    return static_cast<std::uint32_t>(value);
  };
  CudaDevice said;
  said.multiprocessors = attribute(kMultiprocessors);
  if (const auto ecc = attribute(kEcc)) said.ecc = *ecc != 0;
  std::size_t bytes = 0;
  if (cuda.call("cuDeviceTotalMem_v2", &bytes, device) == kSuccess) said.memory_bytes = bytes;
  said.shared_bytes = attribute(kSharedMemoryOfMultiprocessor);
  said.constant_bytes = attribute(kTotalConstantMemory);
  said.l2_bytes = attribute(kL2CacheSize);
  said.memory_clock_khz = attribute(kMemoryClock);
  said.memory_bus_bits = attribute(kMemoryBusWidth);
  return said;
}

}  // namespace nvhook::nvml
