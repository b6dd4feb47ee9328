// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/rest/facts.hpp"
#include "nvhook/rest/service.hpp"
#include "rest/hardware_tables.hpp"

// What the API of 2016 tells of a host, in its own units, truncated as it does. Nothing: the driver
// does not say; null in JSON, N/A in text.
namespace nvhook::rest {

using Number = std::optional<std::uint64_t>;
using Text = std::optional<std::string>;

struct Partner {
  std::string bus;
  LinkKind link;
};

struct DeviceInfo {
  Text uuid;
  Text path;  // "/dev/nvidia0"
  Text model;
  Number power_w;  // the limit
  std::uint32_t numa_node = 0;
  Text bus;  // "0000:0A:00.0"
  Number bar1_mib;
  Number pci_mb_per_s;
  Number core_mhz;
  Number memory_mhz;
  std::vector<Partner> partners;  // whose memory it reads
  std::optional<std::string_view> family;
  Text arch;
  Number cores;
  std::optional<bool> ecc;
  Number memory_mib;
  Number shared_kib;
  Number constant_kib;
  Number l2_kib;
  Number memory_mb_per_s;
};

struct Info {
  Text driver;
  Text cuda;
  std::vector<DeviceInfo> devices;
};

struct ProcessStatus {
  std::uint64_t pid = 0;
  Text name;
  Number memory_mib;
};

struct DeviceStatus {
  Number power_w;
  Number temperature_c;
  Number gpu_percent;
  Number memory_percent;
  Number encoder_percent;
  Number decoder_percent;
  Number memory_mib;
  Number ecc_l1;
  Number ecc_l2;
  Number ecc_memory;
  Number core_mhz;
  Number memory_mhz;
  Number bar1_mib;
  Number rx_mb_per_s;
  Number tx_mb_per_s;
  std::vector<ProcessStatus> processes;
};

[[nodiscard]] Info info_of(const Facts& facts);
[[nodiscard]] std::vector<DeviceStatus> status_of(const nvml::Nvml& nvml, Processes processes);

}  // namespace nvhook::rest
