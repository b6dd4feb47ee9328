// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nvhook::nvml {

// What nvhook-nvml can be asked time and again, and the line that asks it: docs/nvml.md.
enum class What : std::uint8_t {
  Everything,  // all that a document may have
  Status,      // what each GPU is, and what goes on
};

[[nodiscard]] constexpr std::string_view line_of(What what) {
  return what == What::Everything ? "all" : "status";
}

[[nodiscard]] constexpr std::optional<What> what_of(std::string_view line) {
  for (const auto what : {What::Everything, What::Status})
    if (line == line_of(what)) return what;
  return std::nullopt;
}

}  // namespace nvhook::nvml
