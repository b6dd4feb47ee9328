// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "nvhook/driver/driver.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// Whether what becomes of the request turns on something that only NVML knows: the brand or the
// architecture of a GPU in a demand that is not decided without; the CUDA version of a driver of an
// unknown branch; a MIG device by its own UUID or by its place among others; a GPU by its UUID,
// while the driver does not know all of them yet. `gpus`: all of this host, in PCI order. Pure. A
// request that fails anyway needs nothing.
[[nodiscard]] bool nvml_needed(const request::Request& request, std::string_view driver_version,
                               std::span<const driver::Gpu> gpus);

}  // namespace nvhook::plan
