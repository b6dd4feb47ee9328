// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// Whether this host, and each of the GPUs that are given, has what the image demands. Gives
// W_REQ_UNKNOWN for what turns on a fact that nobody here knows: the kind of a GPU, if NVML was not
// asked. Fails with E_REQ_REQUIREMENT (no expression), E_REQ_UNMET.
[[nodiscard]] Result<std::vector<Warning>> check_demands(const request::Request& request,
                                                         const driver::Driver& driver,
                                                         std::span<const driver::Gpu> given);

}  // namespace nvhook::plan
