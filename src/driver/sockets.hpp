// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver/found_files.hpp"
#include "nvhook/base/capability.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::driver {

// The sockets of the driver's daemons that one of `wanted` brings, and the directory of MPS's. What
// is not there is no news: the daemon does not run. Only the MPS directory, which somebody has
// configured, is missed (W_FILE_SKIPPED). Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<FoundFiles> find_sockets(HostRoot root, const Extras& extras,
                                              Capabilities wanted);

}  // namespace nvhook::driver
