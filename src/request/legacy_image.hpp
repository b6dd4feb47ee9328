// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/request/request.hpp"

// Images of the first years, which do not say what they require: CUDA_VERSION is set and not empty,
// NVIDIA_REQUIRE_CUDA is not or is empty.
namespace nvhook::request {

inline constexpr std::string_view kCudaVersion = "CUDA_VERSION";

// The CUDA_VERSION of such an image; nothing if it is none.
[[nodiscard]] std::optional<std::string_view> legacy_cuda_version(
    const std::vector<std::string>& env);

// "cuda>=12.4" of "12.4.1". Fails with E_REQ_REQUIREMENT: it is no version.
[[nodiscard]] Result<Demand> demand_of_legacy_image(std::string_view cuda_version);

}  // namespace nvhook::request
