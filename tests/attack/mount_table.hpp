// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "attack/complaints.hpp"
#include "attack/plan_of_run.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {

// A line of mountinfo (proc_pid_mountinfo(5)).
struct MountRow {
  std::uint64_t id = 0;
  std::string point;
  std::string options;      // of the mount, without the times: "ro,nosuid,nodev"
  std::string propagation;  // "shared:2 master:1", or nothing
  auto operator<=>(const MountRow&) const = default;
};
using MountTable = std::vector<MountRow>;

[[nodiscard]] MountTable read_mount_table(const std::filesystem::path& mountinfo);

// Of a container whose mounts were `before`: what is gone, what is new and was not planned, what
// was planned and is not there.
[[nodiscard]] Complaints judge_mounts(const TestContainer& container, const MountTable& before,
                                      const PlanOfRun& plan);

}  // namespace nvhook::test
