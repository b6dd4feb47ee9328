// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// Where NVIDIA's container toolkit has its configuration.
inline constexpr std::string_view kNvidiaFile = "/etc/nvidia-container-runtime/config.toml";

// Parses the configuration of NVIDIA's container toolkit as parse() does ours, and gives the
// settings of nvhook that mean the same; docs/configuration.md has the table. Keys of programs that
// nvhook stands in for, and of what it never needs, are passed over. W_CONFIG_KEY tells of keys
// that nobody knows, and of values that ask for what nvhook does not do. Pure. Fails with E_CONFIG.
// Source: nvidia-container-toolkit 1.20.0, internal/config.
[[nodiscard]] Result<Parsed> parse_nvidia(std::string_view toml, std::string_view origin);

}  // namespace nvhook::config
