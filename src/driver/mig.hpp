// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "driver/nodes.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"

// How GPUs are partitioned, as the kernel module shows it:
//   driver/nvidia/capabilities/gpu<minor>/mig/gi<id>/access       a GPU instance
//   driver/nvidia/capabilities/gpu<minor>/mig/gi<id>/ci<id>/access    a compute instance in it
//   driver/nvidia/capabilities/mig/{config,monitor}
// Source: NVIDIA, Multi-Instance GPU User Guide, "Device Nodes and Capabilities".
namespace nvhook::driver {

// The minor of the node /dev/nvidia-caps/nvidia-cap<minor> in such a file, of lines like
// "DeviceFileMinor: 12". Nothing if there is no line of it, or no number that a minor can be.
[[nodiscard]] std::optional<std::uint32_t> parse_access(std::string_view text);

struct CapabilitySources {
  int proc = -1;        // the open directory that stands for /proc, borrowed
  NodeDirectory nodes;  // that of nvidia-caps/
  std::optional<std::uint32_t> major;
};

// Fills in the instances of `gpus`. GPUs that are not partitioned have none.
// Fails with E_DRIVER_READ (also for more instances than a GPU can have), E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<void> find_instances(const CapabilitySources& sources, std::vector<Gpu>& gpus);

// The right of the file `file` below driver/nvidia/capabilities, "mig/config"; nothing if there is
// no such file. Fails as find_instances().
[[nodiscard]] Result<std::optional<Access>> find_access(const CapabilitySources& sources,
                                                        std::string_view file);

}  // namespace nvhook::driver
