// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/plan/plan.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

// One JSON document, schema nvhook.plan/1, ending in a newline. Text from the container that is not
// UTF-8 is replaced (U+FFFD), for JSON cannot carry it.
[[nodiscard]] std::string to_json(const Plan& plan);
[[nodiscard]] std::string to_json(const request::NothingAsked& nothing);

enum class Style { Plain, Colour };

// For people: aligned, grouped by kind, each line with its reason.
[[nodiscard]] std::string to_text(const Plan& plan, Style style);
[[nodiscard]] std::string to_text(const request::NothingAsked& nothing, Style style);

}  // namespace nvhook::plan
