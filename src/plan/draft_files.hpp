// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/container/facts.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/plan/make_plan.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// Adds what the request brings besides libraries, programs and the driver's own nodes: sockets,
// firmware, files of configuration, DRM nodes and the links to them. The draft has its GPUs and
// libraries already.
void draft_files(const request::Request& request, const driver::Driver& driver,
                 const container::Image& image, Draft& draft);

}  // namespace nvhook::plan
