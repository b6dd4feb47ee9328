// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// The firmware of this driver version for the GPUs' system processor, from the directories where
// the kernel looks for it, in its order, below the driver's root. A driver up to R460 has none.
// `sys_root` tells of a directory that was given to the kernel. Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<std::vector<File>> find_firmware(HostRoot root, std::string_view version,
                                                      const std::string& sys_root);

}  // namespace nvhook::driver
