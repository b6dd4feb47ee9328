// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "nvhook/cgroup/devices.hpp"

// Device access in cgroup v2. All fail with E_CGROUP.
namespace nvhook::cgroup {

// Exchanges the attached programs, and gives those; on failure the old ones are attached.
[[nodiscard]] Result<std::vector<Exchanged>> exchange_programs(
    const DeviceCgroup& cgroup, const std::vector<DeviceNumber>& devices, KnownRules rules,
    Leave leave);

// Attaches the old ones again, last exchanged first. A program that is not attached any more was
// somebody's decision and is left alone. Goes on past failures and gives the first.
[[nodiscard]] Result<void> put_back(std::span<const Exchanged> programs);

}  // namespace nvhook::cgroup
