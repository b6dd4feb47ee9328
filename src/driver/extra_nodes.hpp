// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "driver/nodes.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/feature.hpp"
#include "nvhook/driver/driver.hpp"

// Nodes of devices that few hosts have: channels through which GPUs of several machines share
// memory (IMEX), and devices of other makers' that work together with GPUs.
namespace nvhook::driver {

// The channels /dev/nvidia-caps-imex-channels/channel<number>, in the order of their numbers.
// Without a major there are none. Fails with E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<std::vector<DeviceNode>> find_imex_channels(
    const NodeDirectory& directory, std::optional<std::uint32_t> major);

// What the kernel says of the numbers of character devices.
struct DeviceTables {
  std::string_view devices;  // the text of /proc/devices
  std::string_view misc;     // of /proc/misc, for NVIDIA_MOFED
};

// The nodes of the feature, each seen to have the number of the driver that it should be of.
// Fails with E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<FeatureNodes> find_feature(const NodeDirectory& directory,
                                                const DeviceTables& tables, Feature feature);

}  // namespace nvhook::driver
