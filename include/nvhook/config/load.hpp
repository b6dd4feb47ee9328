// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// Reads and parses `file`, or /etc/nvhook/config.toml when none is named; only the latter may be
// absent. A file that is not a regular one, larger than 1 MiB, not owned by root or writable by
// others is refused: it decides what a root process mounts. Fails with E_CONFIG.
[[nodiscard]] Result<Parsed> load(const std::optional<std::string>& file);

}  // namespace nvhook::config
