// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "driver/resolver.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// What the library of GPUDirect Storage reads besides its devices: its settings, and udev's
// database, by which it finds the disks of a file system. What is not there is not needed. Source:
// nvidia-container-toolkit, internal/discover/gds.go. Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<std::vector<File>> find_gds_files(Resolver& resolver);

}  // namespace nvhook::driver
