// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "reading.hpp"

namespace nvhook::request {

// NVIDIA_GDS=enabled and its like, where variables may ask for devices.
[[nodiscard]] std::vector<Feature> parse_features(Reading& reading);

}  // namespace nvhook::request
