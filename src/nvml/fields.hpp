// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <type_traits>

#include "nvhook/nvml/nvml.hpp"

// The members of nvhook.nvml/1, said once for whoever writes and whoever reads them: a visitor is
// called with each key and its value, const where the structure is.
namespace nvhook::nvml {

template <class Given, class Struct>
concept Is = std::same_as<std::remove_const_t<Given>, Struct>;

template <class Visit, Is<Trouble> Given>
void fields(Visit& visit, Given& trouble) {
  visit("call", trouble.call);
  visit("code", trouble.code);
  visit("name", trouble.name);
  visit("text", trouble.text);
}

template <class Visit, Is<MigDevice> Given>
void fields(Visit& visit, Given& device) {
  visit("index", device.index);
  visit("uuid", device.uuid);
  visit("gi", device.gpu_instance);
  visit("ci", device.compute_instance);
}

template <class Visit, Is<Mig> Given>
void fields(Visit& visit, Given& mig) {
  visit("enabled", mig.enabled);
  visit("pending", mig.pending);
  visit("devices", mig.devices);
}

template <class Visit, Is<Hardware> Given>
void fields(Visit& visit, Given& hardware) {
  visit("memory_bytes", hardware.memory_bytes);
  visit("bar1_bytes", hardware.bar1_bytes);
  visit("power_limit_mw", hardware.power_limit_mw);
  visit("pcie_generation", hardware.pcie_generation);
  visit("pcie_width", hardware.pcie_width);
  visit("clock_sm_mhz", hardware.clock_sm_mhz);
  visit("clock_memory_mhz", hardware.clock_memory_mhz);
}

template <class Visit, Is<Link> Given>
void fields(Visit& visit, Given& link) {
  visit("index", link.index);
  visit("level", link.level);
  visit("p2p", link.p2p);
}

template <class Visit, Is<CudaDevice> Given>
void fields(Visit& visit, Given& device) {
  visit("multiprocessors", device.multiprocessors);
  visit("ecc", device.ecc);
  visit("memory_bytes", device.memory_bytes);
  visit("shared_bytes", device.shared_bytes);
  visit("constant_bytes", device.constant_bytes);
  visit("l2_bytes", device.l2_bytes);
  visit("memory_clock_khz", device.memory_clock_khz);
  visit("memory_bus_bits", device.memory_bus_bits);
}

template <class Visit, Is<Process> Given>
void fields(Visit& visit, Given& process) {
  visit("pid", process.pid);
  visit("name", process.name);
  visit("memory_bytes", process.memory_bytes);
}

template <class Visit, Is<Status> Given>
void fields(Visit& visit, Given& status) {
  visit("gpu_percent", status.gpu_percent);
  visit("memory_percent", status.memory_percent);
  visit("encoder_percent", status.encoder_percent);
  visit("decoder_percent", status.decoder_percent);
  visit("memory_used_bytes", status.memory_used_bytes);
  visit("memory_free_bytes", status.memory_free_bytes);
  visit("bar1_used_bytes", status.bar1_used_bytes);
  visit("temperature_c", status.temperature_c);
  visit("power_mw", status.power_mw);
  visit("clock_graphics_mhz", status.clock_graphics_mhz);
  visit("clock_sm_mhz", status.clock_sm_mhz);
  visit("clock_memory_mhz", status.clock_memory_mhz);
  visit("clock_video_mhz", status.clock_video_mhz);
  visit("ecc_l1", status.ecc_l1);
  visit("ecc_l2", status.ecc_l2);
  visit("ecc_memory", status.ecc_memory);
  visit("pcie_rx_kbps", status.pcie_rx_kbps);
  visit("pcie_tx_kbps", status.pcie_tx_kbps);
  visit("performance_state", status.performance_state);
  visit("processes", status.processes);
}

template <class Visit, Is<Gpu> Given>
void fields(Visit& visit, Given& gpu) {
  visit("index", gpu.index);
  visit("minor", gpu.minor);
  visit("uuid", gpu.uuid);
  visit("bus", gpu.bus);
  visit("name", gpu.name);
  visit("brand", gpu.brand);
  visit("arch", gpu.arch);
  visit("mig", gpu.mig);
  visit("hardware", gpu.hardware);
  visit("links", gpu.links);
  visit("cuda", gpu.cuda);
  visit("status", gpu.status);
  visit("error", gpu.error);
}

template <class Visit, Is<Nvml> Given>
void fields(Visit& visit, Given& nvml) {
  visit("error", nvml.error);
  visit("driver", nvml.driver);
  visit("nvml", nvml.nvml);
  visit("cuda", nvml.cuda);
  visit("gpus", nvml.gpus);
}

}  // namespace nvhook::nvml
