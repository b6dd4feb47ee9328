// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace simdriver {

enum class Access {
  Allowed,  // it opened, or only the driver behind it is missing (ENXIO, ENODEV)
  Denied,   // EPERM from the device cgroup, EACCES from its mode or a nodev mount
  Missing,  // there is no such node
};

// Opens the device node for reading and writing, to learn whether this process may.
[[nodiscard]] Access access_to(const char* node);

// The same for /dev/nvidia<minor>.
[[nodiscard]] Access access_to_gpu(unsigned minor);

}  // namespace simdriver
