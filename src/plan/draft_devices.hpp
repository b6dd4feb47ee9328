// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/plan/make_plan.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// The node at its place below the container's /dev.
[[nodiscard]] DraftMount device_mount(const driver::DeviceNode& node,
                                      std::optional<Capability> capability, std::string reason);

// Adds the nodes of the draft's GPUs and of their instances, and those that the request names
// beside them: what partitions and monitors GPUs, IMEX channels, features. Of what is missing it
// warns (W_NODE_MISSING), unless it was asked for by name. Fails with E_REQ_DEVICE (no such IMEX
// channel), E_NODE_MISSING (mig/config, mig/monitor).
[[nodiscard]] Result<void> draft_devices(const request::Request& request,
                                         const driver::Driver& driver, Draft& draft);

}  // namespace nvhook::plan
