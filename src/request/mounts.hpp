// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"

namespace nvhook::request {

// A mount of /dev/null below this directory asks for a device: what a container's image cannot do,
// and whoever starts it can. Nothing need be at that place.
inline constexpr std::string_view kDeviceMounts = "/var/run/nvidia-container-devices";

// What is asked for by mounts, in their order, each once, as written below the directory.
struct MountRequests {
  std::vector<std::string> devices;        // "0", "all"; CDI devices as "vendor/class=name"
  std::vector<std::string> imex_channels;  // "3" of "imex/3"
};

// Warns by W_REQ_IGNORED of a "cdi/..." that has no vendor, class and name.
[[nodiscard]] MountRequests requests_of(const std::vector<oci::Mount>& mounts,
                                        std::vector<Warning>& warnings);

}  // namespace nvhook::request
