// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/config/settings.hpp"

// What nvhook config prints: every setting, and where it comes from.
namespace nvhook::config {

// As a configuration file, with the origin of each setting in a comment: parse() gives the same
// settings for it, unless no file can have one as it is written: an option's path with a dot
// component, or that is not UTF-8, or a path so full of control characters that the line is too
// long.
[[nodiscard]] std::string to_toml(const Parsed& effective);

// nvhook.config/1: docs/configuration.md.
[[nodiscard]] std::string to_json(const Parsed& effective);

}  // namespace nvhook::config
