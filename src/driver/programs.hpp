// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "driver/resolver.hpp"
#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// The driver's programs that one of `wanted` brings, each from the first of the directories below
// `root` that has it as an executable file. One that is nowhere is not there: hosts differ. Of a
// directory "bin" that has a sibling "origBin" (NixOS) that sibling's is taken, if there is one.
// Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<std::vector<Program>> find_programs(
    HostRoot root, Resolver& resolver, const std::vector<std::string>& directories,
    Capabilities wanted);

}  // namespace nvhook::driver
