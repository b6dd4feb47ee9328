// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "attack/attack.hpp"
#include "support/v2_cgroup.hpp"

namespace nvhook::test {

// Attacks on a hierarchy of cgroups, mounted at `top`, with another cgroup beside the container's.
class CgroupAttack : public Attack {
 protected:
  explicit CgroupAttack(std::filesystem::path top) : top_(std::move(top)) {}

  void TearDown() override {
    if (!IsSkipped()) start_over();  // the cgroup beside is empty then
    if (!beside_.empty()) {
      EXPECT_EQ(::rmdir(beside_.c_str()), 0) << beside_;
    }
  }

  // With all rights. Made when first asked for.
  const std::filesystem::path& beside() {
    if (beside_.empty()) {
      auto name = (top_ / "nvhook-beside-XXXXXX").string();
      if (::mkdtemp(name.data()) == nullptr) std::abort();
      beside_ = name;
    }
    return beside_;
  }

  // Has the hook begin in a cgroup namespace that is rooted there. `shown` is the hierarchy as
  // fanotify(7) names it.
  void start_hook_in_a_namespace_beside(const std::filesystem::path& shown) {
    scene().writable.push_back(shown / beside().filename() / "cgroup.procs");
    scene().before = [cgroup = beside()] {
      move_to_cgroup(0, cgroup);
      if (::unshare(CLONE_NEWCGROUP) != 0) ::_exit(126);
    };
  }

 private:
  std::filesystem::path top_;
  std::filesystem::path beside_;
};

}  // namespace nvhook::test
