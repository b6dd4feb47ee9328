// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reading.hpp"

namespace nvhook::request {

// NVIDIA_DRIVER_CAPABILITIES, of which none is given that the rules do not support: of the usual
// ones and of "all" silently, of those that are named by E_REQ_CAPABILITY.
[[nodiscard]] Result<Capabilities> parse_capabilities(const Reading& reading);

}  // namespace nvhook::request
