// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "keys.hpp"
#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"

// From values to what settings are made of. Each fails with E_CONFIG and says where, what stands
// there and what is due.
namespace nvhook::config {

// A key in a file, for messages.
struct Subject {
  std::string_view file;  // as messages have it
  std::string name;       // "roots.driver"
};

[[nodiscard]] Result<bool> flag_in(const Value& value, const Subject& subject);
[[nodiscard]] Result<std::string_view> text_in(const Value& value, const Subject& subject);
[[nodiscard]] Result<std::string> path_in(const Value& value, const Subject& subject);

// Names of environment variables: ASCII without blanks, "=" and ",". Each once.
[[nodiscard]] Result<std::vector<std::string>> variables_in(std::span<const Value> names,
                                                            const Subject& subject);
// Names of capabilities, or "all".
[[nodiscard]] Result<Capabilities> capabilities_in(std::span<const Value> names,
                                                   const Subject& subject);

// Keeps the value where the key says.
[[nodiscard]] Result<void> keep(const Value& value, const Key& key, const Subject& subject,
                                Settings& settings);

[[nodiscard]] std::unexpected<Error> wrong_type(const Value& value, const Subject& subject,
                                                std::string_view due);

}  // namespace nvhook::config
