// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"
#include "nvhook/request/parse.hpp"

namespace nvhook {

// By which rules requests are read.
[[nodiscard]] request::Rules rules_of(const config::Settings& settings);

// Names of variables by which containers ask for GPUs beside NVIDIA's own (Rules::swarm_resources).
// They are needed to tell whether a container asks for anything at all, so most runs should not pay
// for them: a file without such a key is searched for it as bytes, and not parsed. Fails with
// E_CONFIG for one that has it and cannot be used: nobody can tell then who asks.
[[nodiscard]] Result<std::vector<std::string>> further_names(
    const std::optional<std::string>& config_file);

}  // namespace nvhook
