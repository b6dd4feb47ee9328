// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

// The mounts of this process, which must be its own, as of a host that has cgroup v2 only, at
// /sys/fs/cgroup. (/proc/<pid>/cgroup still lists the hierarchies of v1.) Whether it worked.
[[nodiscard]] bool show_cgroup_v2_only();

// While it lives this process, of one thread, sees its machine like that, in a mount namespace of
// its own. Needs root.
class CgroupV2Only {
 public:
  CgroupV2Only();
  CgroupV2Only(const CgroupV2Only&) = delete;
  CgroupV2Only& operator=(const CgroupV2Only&) = delete;
  ~CgroupV2Only();

 private:
  UniqueFd before_;  // the mount namespace
};

// A cgroup v2 with a process in it that waits, in a mount namespace of its own. Ends with the
// object. Needs root.
class V2Cgroup {
 public:
  // `parent` lies on a cgroup2 file system.
  explicit V2Cgroup(const std::filesystem::path& parent);
  V2Cgroup(const V2Cgroup&) = delete;
  V2Cgroup& operator=(const V2Cgroup&) = delete;
  ~V2Cgroup();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // 0 or the error of opening a character device in this cgroup, with O_RDONLY and the like. EPERM
  // is the cgroup's no, ENXIO and such say that it was asked and there is no such device.
  [[nodiscard]] int open_device(unsigned major, unsigned minor, int flags) const;
  // Likewise of making its node.
  [[nodiscard]] int make_node(unsigned major, unsigned minor) const;

 private:
  UniqueFd parent_;  // whatever is mounted over it meanwhile
  std::filesystem::path path_;
  pid_t pid_ = -1;
};

// Moves a process into a cgroup.
void move_to_cgroup(pid_t pid, const std::filesystem::path& cgroup);

}  // namespace nvhook::test
