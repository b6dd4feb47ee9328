// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// Reads and parses `file`, or /etc/nvhook/config.toml when none is named; only the latter may be
// absent. A file that is not a regular one, larger than 1 MiB, owned by neither root nor the
// effective user, or writable by group or others is refused: it decides what a root process mounts.
// Checked on the open descriptor; symbolic links are followed. Fails with E_CONFIG.
[[nodiscard]] Result<Parsed> load(const std::optional<std::string>& file);

}  // namespace nvhook::config
