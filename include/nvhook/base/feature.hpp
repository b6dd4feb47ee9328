// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace nvhook {

// Devices beside the GPUs that an image asks for by a variable of its own, NVIDIA_GDS=enabled.
enum class Feature : std::uint8_t { Gds, Mofed, Gdrcopy, NvSwitch };

inline constexpr std::array kAllFeatures = {Feature::Gds, Feature::Mofed, Feature::Gdrcopy,
                                            Feature::NvSwitch};

// The variable: "NVIDIA_GDS". Source: nvidia-container-toolkit, internal/modifier/gated.go.
[[nodiscard]] constexpr std::string_view variable_of(Feature feature) {
  switch (feature) {
    case Feature::Gds:
      return "NVIDIA_GDS";
    case Feature::Mofed:
      return "NVIDIA_MOFED";
    case Feature::Gdrcopy:
      return "NVIDIA_GDRCOPY";
    case Feature::NvSwitch:
      return "NVIDIA_NVSWITCH";
  }
  std::abort();  // every enumerator is handled above
}

// For machines: "gdrcopy".
[[nodiscard]] constexpr std::string_view name_of(Feature feature) {
  switch (feature) {
    case Feature::Gds:
      return "gds";
    case Feature::Mofed:
      return "mofed";
    case Feature::Gdrcopy:
      return "gdrcopy";
    case Feature::NvSwitch:
      return "nvswitch";
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace nvhook
