// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// Where a device is on the PCI buses. Compares as NVML counts.
struct PciAddress {
  std::uint64_t domain = 0;  // 64 bits: some virtual machines print more than the usual 16
  std::uint32_t bus = 0;
  std::uint32_t device = 0;
  std::uint32_t function = 0;
  auto operator<=>(const PciAddress&) const = default;
};

// "0000:01:00.0", all hexadecimal.
[[nodiscard]] std::optional<PciAddress> parse_pci_address(std::string_view text);

// What /proc/driver/nvidia/gpus/<address>/information says of a GPU.
struct GpuInformation {
  std::string model;
  std::string uuid;
  std::uint32_t minor = 0;
  bool excluded = false;  // by the driver's option NVreg_ExcludedGpus: nobody can use it
};

// Parses such a file, lines of "Key: \t value"; the keys that we do not know are skipped.
// Fails with E_DRIVER_READ: no "Device Minor", or one that is not below 254.
[[nodiscard]] Result<GpuInformation> parse_gpu_information(std::string_view text);

// The GPUs below the open directory that stands for /proc, without the excluded ones, numbered in
// PCI order. Their nodes are for the caller to fill in. No directory of GPUs: none.
// Fails with E_DRIVER_READ, also for more GPUs than one machine can have.
[[nodiscard]] Result<std::vector<Gpu>> find_gpus(int proc);

}  // namespace nvhook::driver
