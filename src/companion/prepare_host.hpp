// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// What is done before anything is served. As itself the program loads the module of unified memory,
// if it can, and warns (W_UVM) if it cannot. As the original it logs that one's steps, and ends
// with its texts where it did: without that module, and without an NVML that answers.
[[nodiscard]] Result<void> prepare_host(const Setup& setup, const Log& log);

}  // namespace nvhook::companion
