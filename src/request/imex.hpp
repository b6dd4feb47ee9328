// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "reading.hpp"

namespace nvhook::request {

// One more than the largest IMEX channel. Source: libnvidia-container, src/cli/common.c.
inline constexpr std::uint32_t kImexChannels = std::uint32_t{1} << 20U;

// Numbers of IMEX channels, ascending, each once: by mounts, else by NVIDIA_IMEX_CHANNELS where
// variables may ask for devices. Fails with E_REQ_IMEX.
[[nodiscard]] Result<std::vector<std::uint32_t>> parse_imex_channels(Reading& reading);

}  // namespace nvhook::request
