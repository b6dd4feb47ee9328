// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reading.hpp"

namespace nvhook::request {

// What a container may do to the MIG devices of all GPUs.
struct MigControl {
  bool config = false;   // NVIDIA_MIG_CONFIG_DEVICES
  bool monitor = false;  // NVIDIA_MIG_MONITOR_DEVICES
};

// Each variable is "all" if it is not empty, and for privileged containers only; it cannot be
// together with single MIG devices. Fails with E_REQ_MIG.
[[nodiscard]] Result<MigControl> parse_mig_control(const Reading& reading,
                                                   const GpuSelection& gpus);

}  // namespace nvhook::request
