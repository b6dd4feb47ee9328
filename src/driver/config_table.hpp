// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "nvhook/base/capability.hpp"

namespace nvhook::driver {

struct ConfigRow {
  std::string_view name;  // below one of the directories of data, "vulkan/icd.d/nvidia_icd.json"
  std::string_view directory;  // of data, in the container
  Capabilities capabilities;   // each brings it
  // What capabilities bring it where the image is made for it: where it has the file's directory.
  Capabilities in_present_directory{};
};

// The directories of data below the driver's root, in the order of the search.
[[nodiscard]] std::span<const std::string_view> data_directories();

// Every text and data file that a container may get.
[[nodiscard]] std::span<const ConfigRow> config_table();

}  // namespace nvhook::driver
