// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nvhook/cgroup/devices.hpp"

// Device access in cgroup v1. All fail with E_CGROUP.
namespace nvhook::cgroup {

// Adds the rules that are lacking, and gives them; on failure none is added.
[[nodiscard]] Result<std::vector<Lack>> add_rules(const DeviceCgroup& cgroup,
                                                  const std::vector<DeviceNumber>& devices);

[[nodiscard]] Result<void> remove_rules(const DeviceCgroup& cgroup, const std::vector<Lack>& added);

}  // namespace nvhook::cgroup
