// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "nvhook/base/procfs_view.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/plan/plan.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// What a container with these GPUs is to see of the driver in its procfs. Nothing if it may see
// what there is: that was decided so, the kernel module has nothing of the kind, or of its
// parameters nothing is to be changed.
[[nodiscard]] std::optional<DriverView> driver_view(ProcfsView view, const driver::Driver& driver,
                                                    const request::Request& request,
                                                    const std::vector<driver::Gpu>& gpus);

}  // namespace nvhook::plan
