// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attack/complaints.hpp"
#include "attack/plan_of_run.hpp"

namespace nvhook::test {

// Files and directories as they were at one time: type, mode, owner, inode, and of all but
// directories links, size, times and content. Of a file its first MiB is read. Other mounts are not
// entered.
class Canaries {
 public:
  // Everything at and below `top`.
  explicit Canaries(std::filesystem::path top);

  // What has changed since, if nothing may have.
  [[nodiscard]] Complaints judge() const;
  // What has changed since, if `top` is a root file system into which the plan was carried out.
  // Links that it replaces may have changed, and the loader's file where it is exchanged; new are
  // only its links and files, the empty files that its mounts stand on, and the directories on the
  // way.
  [[nodiscard]] Complaints judge(const PlanOfRun& plan) const;

 private:
  struct Description {
    std::string itself;  // type, mode, owner, inode, size, content, ...
    std::string names;   // how many it has, and when that changed
    std::uint64_t inode = 0;
    bool operator==(const Description&) const = default;
  };
  using Tree = std::map<std::string, Description>;  // by the path below top
  [[nodiscard]] static Description describe(const std::filesystem::path& path);
  [[nodiscard]] static Tree read(const std::filesystem::path& top);
  // Whether it was another name of the loader's file, which is exchanged.
  [[nodiscard]] bool loses_a_name(const Description& was, const PlanOfRun& plan) const;

  std::filesystem::path top_;
  Tree before_;
};

}  // namespace nvhook::test
