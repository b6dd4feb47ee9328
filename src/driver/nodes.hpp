// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// The major numbers of the driver's devices.
struct Majors {
  std::uint32_t nvidia = 195;  // NVIDIA's own; Linux, Documentation/admin-guide/devices.txt
  // These are given out when a module is loaded.
  std::optional<std::uint32_t> uvm;
  std::optional<std::uint32_t> caps;           // of nodes that stand for rights
  std::optional<std::uint32_t> imex_channels;  // of the channels' nodes
};

// The majors in the text of /proc/devices. The first part lists the character devices, "195 nvidia"
// ("nvidia-frontend" up to driver 535), the second the block devices.
[[nodiscard]] Majors parse_majors(std::string_view devices);

// Whether the text of /proc/devices gives the major to such character devices. A name may have
// several.
[[nodiscard]] bool is_major_of(std::string_view devices, std::uint32_t major,
                               std::string_view name);

// The directory of the device nodes, open, and its path on this host.
struct NodeDirectory {
  int fd = -1;  // borrowed
  HostPath path;
};

// A directory below that, kept open.
struct NodeFolder {
  UniqueFd fd;
  HostPath path;
  [[nodiscard]] NodeDirectory directory() const { return {fd.get(), path}; }
};

// The directory `name` there, which must be no link; nothing if there is none.
// Fails with E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<std::optional<NodeFolder>> open_folder(const NodeDirectory& directory,
                                                            std::string_view name);

// The path of the node `name`, which must be the character device `expected`: somebody who can
// replace it by another device, or by a link to one, would have that device granted.
// Fails with E_NODE_MISSING, E_NODE_TYPE, E_KERNEL.
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
