// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/config/settings.hpp"

// What nvhook config prints: every setting, and where it comes from.
namespace nvhook::config {

// As a configuration file, with the origin of each setting in a comment: parse() gives the same
// settings for it, unless one came from elsewhere than a file and no file can have it (a path with
// a dot component, or that is not UTF-8).
[[nodiscard]] std::string to_toml(const Parsed& effective);

// nvhook.config/1: docs/configuration.md.
[[nodiscard]] std::string to_json(const Parsed& effective);

}  // namespace nvhook::config
