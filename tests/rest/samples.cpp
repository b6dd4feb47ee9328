// SPDX-License-Identifier: Apache-2.0
#include "rest/samples.hpp"

#include <utility>

namespace nvhook::rest {
namespace {

// Both, where they are alike.
nvml::Gpu tesla(std::uint32_t index) {
  nvml::Gpu gpu;
  gpu.index = index;
  gpu.minor = index;
  gpu.name = "Tesla K40m";
  gpu.brand = "Tesla";
  gpu.arch = "3.5";
  gpu.hardware = nvml::Hardware{.memory_bytes = 12079136768,
                                .bar1_bytes = 17179869184,
                                .power_limit_mw = 235000,
                                .pcie_generation = 3,
                                .pcie_width = 16,
                                .clock_sm_mhz = 875,
                                .clock_memory_mhz = 3004};
  gpu.links = {{nvml::Link{.index = 1 - index, .level = "host-bridge", .p2p = true}}};
  gpu.cuda = nvml::CudaDevice{.multiprocessors = 15,
                              .ecc = true,
                              .memory_bytes = 12079136768,
                              .shared_bytes = 49152,
                              .constant_bytes = 65536,
                              .l2_bytes = 1572864,
                              .memory_clock_khz = 3004000,
                              .memory_bus_bits = 384};
  return gpu;
}

nvml::Gpu idle_gpu() {
  auto gpu = tesla(0);
  gpu.uuid = "GPU-a1c2e3f4-0b1d-4c5e-8f90-1234567890ab";
  gpu.bus = "0000:05:00.0";
  auto& status = gpu.status.emplace();
  status.gpu_percent = 0;
  status.memory_percent = 0;
  status.encoder_percent = 0;
  status.decoder_percent = 0;
  status.memory_used_bytes = 23068672;
  status.memory_free_bytes = 12056068096;
  status.bar1_used_bytes = 2097152;
  status.temperature_c = 34;
  status.power_mw = 20493;
  status.clock_sm_mhz = 324;
  status.clock_memory_mhz = 324;
  status.ecc_l1 = 0;
  status.ecc_l2 = 0;
  status.ecc_memory = 0;
  status.pcie_rx_kbps = 0;
  status.pcie_tx_kbps = 0;
  status.performance_state = 8;
  status.processes.emplace();
  return gpu;
}

nvml::Gpu busy_gpu() {
  auto gpu = tesla(1);
  gpu.uuid = "GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345";
  gpu.bus = "0000:0a:00.0";
  auto& status = gpu.status.emplace();
  status.gpu_percent = 97;
  status.memory_percent = 42;
  status.encoder_percent = 0;
  status.decoder_percent = 0;
  status.memory_used_bytes = 3429892096;
  status.bar1_used_bytes = 4194304;
  status.temperature_c = 61;
  status.power_mw = 149872;
  status.clock_sm_mhz = 745;
  status.clock_memory_mhz = 3004;
  status.ecc_l1 = 0;
  status.ecc_l2 = 0;
  status.ecc_memory = 2;
  status.pcie_rx_kbps = 1250500;
  status.pcie_tx_kbps = 87999;
  status.processes = {
      {.pid = 4242, .name = "/usr/bin/python", .memory_bytes = 3262119936},
      {.pid = 31337, .name = "./nbody", .memory_bytes = 143654912},
  };
  return gpu;
}

}  // namespace

Facts no_gpu() {
  Facts facts;
  facts.nvml.driver = "361.48";
  facts.nvml.cuda = "8.0";
  facts.uvm_tools = true;
  return facts;
}

Facts one_gpu() {
  auto facts = no_gpu();
  facts.nvml.gpus = {idle_gpu()};
  facts.nvml.gpus.front().links->clear();
  return facts;
}

Facts two_gpus() {
  auto facts = no_gpu();
  facts.nvml.gpus = {idle_gpu(), busy_gpu()};
  return facts;
}

Facts silent_gpus() {
  auto facts = two_gpus();
  for (auto& gpu : facts.nvml.gpus) {
    gpu.name.reset();
    gpu.arch.reset();
    gpu.hardware.emplace();
    gpu.links->front().p2p.reset();
    gpu.cuda.reset();
    gpu.status.emplace();
  }
  return facts;
}

Facts lost_gpu() {
  auto facts = two_gpus();
  nvml::Gpu lost;
  lost.index = 1;
  lost.error = {.call = "nvmlDeviceGetHandleByIndex_v2",
                .code = 15,
                .name = "GPU_IS_LOST",
                .text = "GPU is lost"};
  facts.nvml.gpus[1] = std::move(lost);
  return facts;
}

}  // namespace nvhook::rest
