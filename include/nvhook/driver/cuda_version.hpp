// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

// Which CUDA version the drivers of a branch have: data, and how to look it up.
namespace nvhook::driver {

struct CudaBranch {
  std::string_view branch;  // the first number of a driver's version
  std::string_view cuda;    // the newest version that its drivers have
};

// In the order of both. Source: NVIDIA, CUDA Toolkit Release Notes, table "CUDA Toolkit and
// Corresponding Driver Versions"; nvidia-smi's own words for branches in between.
inline constexpr std::array kCudaBranches = {
    CudaBranch{"367", "8.0"},  CudaBranch{"375", "8.0"},  CudaBranch{"384", "9.0"},
    CudaBranch{"387", "9.1"},  CudaBranch{"390", "9.1"},  CudaBranch{"396", "9.2"},
    CudaBranch{"410", "10.0"}, CudaBranch{"418", "10.1"}, CudaBranch{"430", "10.1"},
    CudaBranch{"435", "10.1"}, CudaBranch{"440", "10.2"}, CudaBranch{"450", "11.0"},
    CudaBranch{"455", "11.1"}, CudaBranch{"460", "11.2"}, CudaBranch{"465", "11.3"},
    CudaBranch{"470", "11.4"}, CudaBranch{"495", "11.5"}, CudaBranch{"510", "11.6"},
    CudaBranch{"515", "11.7"}, CudaBranch{"520", "11.8"}, CudaBranch{"525", "12.0"},
    CudaBranch{"530", "12.1"}, CudaBranch{"535", "12.2"}, CudaBranch{"545", "12.3"},
    CudaBranch{"550", "12.4"}, CudaBranch{"555", "12.5"}, CudaBranch{"560", "12.6"},
    CudaBranch{"565", "12.7"}, CudaBranch{"570", "12.8"}, CudaBranch{"575", "12.9"},
    CudaBranch{"580", "13.0"}, CudaBranch{"590", "13.1"},
};

// The newest CUDA version that a driver of this version has, "12.4" for "550.54.14"; nothing for
// branches that are not known.
[[nodiscard]] inline std::optional<std::string_view> cuda_version_of(
    std::string_view driver_version) {
  const auto branch = driver_version.substr(0, driver_version.find('.'));
  const auto known = std::ranges::find(kCudaBranches, branch, &CudaBranch::branch);
  return known == kCudaBranches.end() ? std::nullopt : std::optional(known->cuda);
}

}  // namespace nvhook::driver
