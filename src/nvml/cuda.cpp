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
constexpr int kArchMajor = 75;
constexpr int kArchMinor = 76;
constexpr int kSharedMemoryOfMultiprocessor = 81;

std::optional<std::uint32_t> attribute_of(const Library& cuda, int ordinal, int which) {
  int value = 0;
  if (cuda.call("cuDeviceGetAttribute", &value, which, ordinal) != kSuccess || value < 0)
    return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

}  // namespace

std::optional<int> cuda_ordinal_of(const Library& cuda, const std::string& bus) {
  int ordinal = -1;
  if (cuda.call("cuDeviceGetByPCIBusId", &ordinal, bus.c_str()) != kSuccess) return std::nullopt;
  return ordinal;
}

CudaDevice cuda_device_of(const Library& cuda, int ordinal) {
  const auto attribute = [&](int which) { return attribute_of(cuda, ordinal, which); };
  CudaDevice said;
  said.multiprocessors = attribute(kMultiprocessors);
  if (const auto ecc = attribute(kEcc)) said.ecc = *ecc != 0;
  std::size_t bytes = 0;
  if (cuda.call("cuDeviceTotalMem_v2", &bytes, ordinal) == kSuccess) said.memory_bytes = bytes;
  said.shared_bytes = attribute(kSharedMemoryOfMultiprocessor);
  said.constant_bytes = attribute(kTotalConstantMemory);
  said.l2_bytes = attribute(kL2CacheSize);
  said.memory_clock_khz = attribute(kMemoryClock);
  said.memory_bus_bits = attribute(kMemoryBusWidth);
  return said;
}

std::optional<std::string> cuda_arch_of(const Library& cuda, int ordinal) {
  const auto major = attribute_of(cuda, ordinal, kArchMajor);
  const auto minor = attribute_of(cuda, ordinal, kArchMinor);
  if (!major || !minor) return std::nullopt;
  return std::to_string(*major) + "." + std::to_string(*minor);
}

std::optional<bool> cuda_reads(const Library& cuda, int ordinal, int other) {
  int reads = 0;
  if (cuda.call("cuDeviceCanAccessPeer", &reads, ordinal, other) != kSuccess) return std::nullopt;
  return reads != 0;
}

}  // namespace nvhook::nvml
