// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// Whether this host has what the image demands of it; `any_gpu`: a GPU is given. Gives
// W_REQ_UNKNOWN for what turns on a fact that nobody here knows: the kind of a GPU. Fails with
// E_REQ_REQUIREMENT (no expression), E_REQ_UNMET.
[[nodiscard]] Result<std::vector<Warning>> check_demands(const request::Request& request,
                                                         const driver::Driver& driver,
                                                         bool any_gpu);

}  // namespace nvhook::plan
