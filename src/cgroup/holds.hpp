// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/cgroup/devices.hpp"

namespace nvhook::cgroup {

// That the held directory still holds the process that it was found for. Fails with E_CGROUP.
[[nodiscard]] Result<void> holds_its_process(const DeviceCgroup& cgroup);

}  // namespace nvhook::cgroup
