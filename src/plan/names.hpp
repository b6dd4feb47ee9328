// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nvhook/plan/plan.hpp"

// The words of nvhook.plan/1, and of messages.
namespace nvhook::plan {

[[nodiscard]] std::string_view name_of(Kind kind);        // "library32"
[[nodiscard]] std::string_view name_of(State state);      // "present"
[[nodiscard]] std::string_view name_of(Unknown unknown);  // "present-nodes"

// For people, why there is one.
[[nodiscard]] std::string_view reason_of(const DriverView& view);

[[nodiscard]] std::string_view name_of(CacheAction action);            // "musl-path"
[[nodiscard]] std::string_view name_of(container::Standing standing);  // "a directory"

}  // namespace nvhook::plan
