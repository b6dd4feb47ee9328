// SPDX-License-Identifier: Apache-2.0
#include "rest/values.hpp"

#include <algorithm>

namespace nvhook::rest {
namespace {

constexpr std::uint64_t kKi = 1024;
constexpr std::uint64_t kMi = kKi * kKi;

template <class Value>
Number divided(const std::optional<Value>& value, std::uint64_t by) {
  return value ? Number(*value / by) : std::nullopt;
}

template <class Value>
Number number(const std::optional<Value>& value) {
  return divided(value, 1);
}

// As the original prints it, in capitals.
Text bus_of(const nvml::Gpu& gpu) {
  auto bus = gpu.bus;
  if (bus)
    std::ranges::transform(*bus, bus->begin(), [](char c) {
      return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  return bus;
}

std::vector<Partner> partners_of(const nvml::Gpu& gpu, const nvml::Nvml& nvml) {
  std::vector<Partner> partners;
  if (!gpu.links) return partners;
  for (const auto& link : *gpu.links) {
    if (!link.p2p.value_or(false) || link.index >= nvml.gpus.size()) continue;
    if (auto bus = bus_of(nvml.gpus[link.index]))
      partners.push_back({std::move(*bus), link_kind(link.level.value_or(""))});
  }
  return partners;
}

void tell_hardware(DeviceInfo& device, const nvml::Hardware& hardware) {
  device.power_w = divided(hardware.power_limit_mw, 1000);
  device.bar1_mib = divided(hardware.bar1_bytes, kMi);
  if (hardware.pcie_generation && hardware.pcie_width)
    if (const auto lane = lane_bandwidth(*hardware.pcie_generation))
      device.pci_mb_per_s = std::uint64_t{*lane} * *hardware.pcie_width;
  device.core_mhz = number(hardware.clock_sm_mhz);
  device.memory_mhz = number(hardware.clock_memory_mhz);
}

void tell_cuda(DeviceInfo& device, const nvml::CudaDevice& cuda) {
  if (device.arch && cuda.multiprocessors)
    if (const auto cores = cores_per_multiprocessor(*device.arch))
      device.cores = std::uint64_t{*cores} * *cuda.multiprocessors;
  device.ecc = cuda.ecc;
  device.memory_mib = divided(cuda.memory_bytes, kMi);
  device.shared_kib = divided(cuda.shared_bytes, kKi);
  device.constant_kib = divided(cuda.constant_bytes, kKi);
  device.l2_kib = divided(cuda.l2_bytes, kKi);
  if (cuda.memory_clock_khz && cuda.memory_bus_bits)  // double data rate
    device.memory_mb_per_s =
        2 * std::uint64_t{*cuda.memory_clock_khz / 1000} * (*cuda.memory_bus_bits / 8);
}

DeviceInfo info_of(const nvml::Gpu& gpu, const nvml::Nvml& nvml) {
  DeviceInfo device;
  device.uuid = gpu.uuid;
  if (gpu.minor) device.path = "/dev/nvidia" + std::to_string(*gpu.minor);
  device.model = gpu.name;
  device.bus = bus_of(gpu);
  device.partners = partners_of(gpu, nvml);
  device.arch = gpu.arch;
  if (gpu.arch) device.family = family_of(*gpu.arch);
  if (gpu.hardware) tell_hardware(device, *gpu.hardware);
  if (gpu.cuda) tell_cuda(device, *gpu.cuda);
  return device;
}

std::vector<ProcessStatus> processes_of(const nvml::Status& status) {
  std::vector<ProcessStatus> processes;
  if (!status.processes) return processes;
  for (const auto& process : *status.processes)
    processes.push_back({process.pid, process.name, divided(process.memory_bytes, kMi)});
  return processes;
}

DeviceStatus status_of(const nvml::Status& status, Processes processes) {
  return {.power_w = divided(status.power_mw, 1000),
          .temperature_c = number(status.temperature_c),
          .gpu_percent = number(status.gpu_percent),
          .memory_percent = number(status.memory_percent),
          .encoder_percent = number(status.encoder_percent),
          .decoder_percent = number(status.decoder_percent),
          .memory_mib = divided(status.memory_used_bytes, kMi),
          .ecc_l1 = number(status.ecc_l1),
          .ecc_l2 = number(status.ecc_l2),
          .ecc_memory = number(status.ecc_memory),
          .core_mhz = number(status.clock_sm_mhz),
          .memory_mhz = number(status.clock_memory_mhz),
          .bar1_mib = divided(status.bar1_used_bytes, kMi),
          .rx_mb_per_s = divided(status.pcie_rx_kbps, 1000),
          .tx_mb_per_s = divided(status.pcie_tx_kbps, 1000),
          .processes =
              processes == Processes::Shown ? processes_of(status) : std::vector<ProcessStatus>()};
}

}  // namespace

Info info_of(const Facts& facts) {
  Info info{.driver = facts.nvml.driver, .cuda = facts.nvml.cuda, .devices = {}};
  if (!info.driver && !facts.driver_version.empty()) info.driver = facts.driver_version;
  for (const auto& gpu : facts.nvml.gpus) {
    auto device = info_of(gpu, facts.nvml);
    const auto at = info.devices.size();
    if (at < facts.numa_nodes.size()) device.numa_node = facts.numa_nodes[at];
    info.devices.push_back(std::move(device));
  }
  return info;
}

std::vector<DeviceStatus> status_of(const nvml::Nvml& nvml, Processes processes) {
  std::vector<DeviceStatus> devices;
  for (const auto& gpu : nvml.gpus)
    devices.push_back(gpu.status ? status_of(*gpu.status, processes) : DeviceStatus{});
  return devices;
}

}  // namespace nvhook::rest
