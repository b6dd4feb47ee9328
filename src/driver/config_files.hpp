// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "driver/resolver.hpp"
#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// The files of config_table() that one of `wanted` brings, each from the first directory of data
// below `root` that has it. Drivers and distributions differ: what is nowhere is not there.
// Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<std::vector<File>> find_config_files(Resolver& resolver, Capabilities wanted);

}  // namespace nvhook::driver
