// SPDX-License-Identifier: Apache-2.0
#include "features.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "environment.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

struct Row {
  std::string_view variable;
  Feature feature;
  std::string_view name;
};
// Looked up by position.
constexpr std::array kFeatures = {
    Row{"NVIDIA_GDS", Feature::Gds, "gds"},
    Row{"NVIDIA_MOFED", Feature::Mofed, "mofed"},
    Row{"NVIDIA_GDRCOPY", Feature::Gdrcopy, "gdrcopy"},
    Row{"NVIDIA_NVSWITCH", Feature::NvSwitch, "nvswitch"},
};
static_assert(kFeatures[std::to_underlying(Feature::NvSwitch)].feature == Feature::NvSwitch &&
              kFeatures.size() == std::to_underlying(Feature::NvSwitch) + 1U);

}  // namespace

std::string_view name_of(Feature feature) { return kFeatures[std::to_underlying(feature)].name; }

std::vector<Feature> parse_features(Reading& reading) {
  std::vector<Feature> features;
  for (const auto& row : kFeatures) {
    const auto value = value_of(reading.env, row.variable).value_or("");
    const auto variable = std::string(row.variable);
    if (value != "enabled") {
      if (!value.empty() && value != "disabled")
        reading.warn(WarningId::ReqIgnored, variable + " is " + quote(value) +
                                                ", and nothing but enabled asks for anything");
    } else if (!reading.trusts_environment()) {
      reading.warn_of_distrust(variable, "devices");
    } else {
      features.push_back(row.feature);
    }
  }
  return features;
}

}  // namespace nvhook::request
