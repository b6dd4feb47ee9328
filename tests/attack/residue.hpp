// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "attack/complaints.hpp"
#include "attack/plan_of_run.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {

// Processes of this pid namespace, but for its first, this one and the `known`. They are ended.
[[nodiscard]] Complaints judge_processes(const std::set<pid_t>& known);

// Names in the container's root that look like the hook's temporary ones.
[[nodiscard]] Complaints judge_temporary_names(const TestContainer& container);

// Of a refused run: whether mounts, names and device rules are those of the earlier snapshot.
[[nodiscard]] Complaints judge_refusal(const TestContainer& container,
                                       const std::vector<std::string>& before);

// Of a run that succeeded: whether the device rules are those before and the planned ones. Of
// programs: whether as many are attached and say the same, but for what is planned.
[[nodiscard]] Complaints judge_device_rules(const TestContainer& container,
                                            const std::string& before, const PlanOfRun& plan);

}  // namespace nvhook::test
