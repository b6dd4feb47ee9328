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
// and driver/nvidia-caps/mig-minors, a line for each instance that there can be, of GPUs that are
// not there, too: "gpu0/gi1/ci0/access 13". Source: NVIDIA, Multi-Instance GPU User Guide, "Device
// Nodes and Capabilities".
namespace nvhook::driver {

// The minor of the node /dev/nvidia-caps/nvidia-cap<minor> in such a file, of lines like
// "DeviceFileMinor: 12". Nothing if there is no line of it, or no number that a minor can be.
[[nodiscard]] std::optional<std::uint32_t> parse_access(std::string_view text);

// A line of mig-minors.
struct MigMinor {
  std::uint32_t gpu = 0;  // minor of the GPU's node
  std::uint32_t minor = 0;
  bool operator==(const MigMinor&) const = default;
};

// The lines of mig-minors that are about an instance, in their order. Others are passed over.
[[nodiscard]] std::vector<MigMinor> parse_mig_minors(std::string_view text);

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

// The directory of the nodes, and the rights to all instances that `gpus` can have; nothing where
// the driver's rights have no nodes. Fails with E_DRIVER_READ, E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<std::optional<Partitioning>> find_partitioning(
    const CapabilitySources& sources, const std::vector<Gpu>& gpus);

}  // namespace nvhook::driver
