// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "rest/values.hpp"

// The bodies of /gpu/info and /gpu/status.
namespace nvhook::rest {

[[nodiscard]] std::string info_text(const Info& info);
[[nodiscard]] std::string info_json(const Info& info);

// `info` has what is behind the slash of "20 / 235 W".
[[nodiscard]] std::string status_text(std::span<const DeviceStatus> devices, const Info& info);
[[nodiscard]] std::string status_json(std::span<const DeviceStatus> devices);

}  // namespace nvhook::rest
