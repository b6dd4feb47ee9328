// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nvhook {

// What a container sees of /proc/driver/nvidia.
enum class ProcfsView : std::uint8_t {
  View,    // the granted GPUs, and parameters that let nobody make device nodes
  Params,  // everything, but such parameters: for engines that run in the container
  None,    // everything as it is
};

}  // namespace nvhook
