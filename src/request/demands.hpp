// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "reading.hpp"

namespace nvhook::request {

// The values of NVIDIA_REQUIRE_* but for those of Tegra, and what a legacy image's CUDA_VERSION
// comes to; none where NVIDIA_DISABLE_REQUIRE or the rules say so. Fails with E_REQ_REQUIREMENT.
[[nodiscard]] Result<std::vector<Demand>> parse_demands(Reading& reading);

}  // namespace nvhook::request
