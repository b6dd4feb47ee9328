// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "driver/nodes.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// Fills in the DRM nodes of `gpus`: those that the kernel lists for their PCI devices below
// `sys_root`, as nodes of the directory of device nodes. None where nvidia-drm is not loaded. One
// that the kernel lists and that is not there is warned of (W_NODE_MISSING, once).
// Fails with E_NODE_TYPE, E_DRIVER_READ, E_KERNEL, E_RACE.
[[nodiscard]] Result<std::vector<Warning>> find_drm_nodes(const NodeDirectory& directory,
                                                          const std::string& sys_root,
                                                          std::vector<Gpu>& gpus);

}  // namespace nvhook::driver
