// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// The major numbers of the driver's devices.
struct Majors {
  std::uint32_t nvidia = 195;        // NVIDIA's own; Linux, Documentation/admin-guide/devices.txt
  std::optional<std::uint32_t> uvm;  // given out when nvidia-uvm is loaded
};

// The majors in the text of /proc/devices. The first part lists the character devices, "195 nvidia"
// ("nvidia-frontend" up to driver 535), the second the block devices.
[[nodiscard]] Majors parse_majors(std::string_view devices);

// The directory of the device nodes, open, and its path on this host.
struct NodeDirectory {
  int fd = -1;  // borrowed
  HostPath path;
};

// The path of the node `name` in the directory, which must be the character device `expected`:
// somebody who can replace it by another device, or by a link to one, would have that device
// granted. Fails with E_NODE_MISSING, E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<HostPath> check_node(const NodeDirectory& directory, const std::string& name,
                                          DeviceNumber expected);

struct FoundNodes {
  std::vector<Node> nodes;
  std::vector<Warning> warnings;
};

// Finds the nodes besides those of the GPUs, without opening a device, and fills in the nodes of
// `gpus`. Only nodes that `wanted` needs are looked at.
// Fails with E_NODE_MISSING (nvidiactl, if there is a GPU, or a GPU's), E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<FoundNodes> find_nodes(const NodeDirectory& directory, const Majors& majors,
                                            Capabilities wanted, std::vector<Gpu>& gpus);

}  // namespace nvhook::driver
