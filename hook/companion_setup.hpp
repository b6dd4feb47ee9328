// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "companion_command_line.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook {

struct CompanionSetup {
  companion::Setup setup;
  std::vector<Warning> warnings;  // of the settings
};

// Reads the settings, and lets the options win. Fails with E_CONFIG: the file; an address that is
// none, or that others than this host reach though nobody said that they may; nothing to serve.
// The original's address is looked at when it is needed.
[[nodiscard]] Result<CompanionSetup> setup_of(const CompanionOptions& options);

}  // namespace nvhook
