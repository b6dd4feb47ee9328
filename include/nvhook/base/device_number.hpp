// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace nvhook {

// The number of a character device. Ours are never block devices.
struct DeviceNumber {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  auto operator<=>(const DeviceNumber&) const = default;
};

// Whether the kernel can have such a device: 12 bits of major and 20 of minor,
// include/linux/kdev_t.h. A larger number never means a device, and to some it means any:
// 0xffffffff in the rules of cgroup v1 (security/device_cgroup.c).
[[nodiscard]] constexpr bool is_possible(DeviceNumber device) {
  return device.major < (1U << 12U) && device.minor < (1U << 20U);
}

}  // namespace nvhook
