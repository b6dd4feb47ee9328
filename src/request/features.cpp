// SPDX-License-Identifier: Apache-2.0
#include "features.hpp"

#include <string>

#include "environment.hpp"
#include "nvhook/base/feature.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
std::vector<Feature> parse_features(Reading& reading) {
  std::vector<Feature> features;
  for (const auto feature : kAllFeatures) {
    const std::string variable(variable_of(feature));
    const auto value = value_of(reading.env, variable).value_or("");
    if (value != "enabled") {
      if (!value.empty() && value != "disabled")
        reading.warn(WarningId::ReqIgnored, variable + " is " + quote(value) +
                                                ", and nothing but enabled asks for anything");
    } else if (!reading.trusts_environment()) {
      reading.warn_of_distrust(variable, "devices");
    } else {
      features.push_back(feature);
    }
  }
  return features;
}

}  // namespace nvhook::request
