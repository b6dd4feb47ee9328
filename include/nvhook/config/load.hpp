// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/config/nvidia_toml.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// The files that are looked for where none is named.
struct UsualFiles {
  std::string ours{kDefaultFile};
  std::string nvidias{kNvidiaFile};  // where there is none of ours
};

// Reads and parses `file`, which is one of ours, or the first of the usual files that there is;
// without any the settings are the defaults. A file that is not a regular one, larger than 1 MiB,
// owned by neither root nor the effective user, or writable by group or others is refused: it
// decides what a root process mounts. Checked on the open descriptor; symbolic links are followed.
// Fails with E_CONFIG.
[[nodiscard]] Result<Parsed> load(const std::optional<std::string>& file,
                                  const UsualFiles& usual = {});

}  // namespace nvhook::config
