// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/plan/plan.hpp"
#include "nvhook/record/record.hpp"

namespace nvhook::record {

// What is to be written down before the plan is carried out for this process, which is in that
// scope of systemd's, if in any. `root`: the directory of its root file system. The plan has a pid.
[[nodiscard]] Record from_plan(const plan::Plan& plan, const Identity& identity, FileId root,
                               std::optional<std::string> scope);

}  // namespace nvhook::record
