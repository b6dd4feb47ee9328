// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/nvml/nvml.hpp"

namespace nvhook::rest {

// What the REST API knows of this host. It is asked for by others; here is only what becomes of it.
struct Facts {
  nvml::Nvml nvml;  // with status and topology, and with CUDA where the host has it
  std::vector<std::uint32_t> numa_nodes = {};  // of each of nvml.gpus; 0 for what is missing
  bool uvm_tools = false;                      // whether /dev/nvidia-uvm-tools is there
  std::string driver_version = {};  // of the loaded module, where NVML does not say its own
};

// What /sys/bus/pci/devices/<bus>/numa_node holds, as the API has it: 0 where it holds no number,
// a negative one ("-1": the machine does not say), or none that a node can have.
[[nodiscard]] std::uint32_t parse_numa_node(std::string_view text);

}  // namespace nvhook::rest
