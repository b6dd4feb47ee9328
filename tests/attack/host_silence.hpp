// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/statfs.h>
#include <sys/types.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "attack/complaints.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

// Listens to every file system mounted in this mount namespace, as far as it tells of changes: of
// names made, moved and removed, of contents and attributes changed, and by which process
// (fanotify(7), FAN_REPORT_DFID_NAME). Processes of other pid namespaces are not told apart, and
// not reported.
class HostSilence {
 public:
  // Listens from now on; to be made before tests mount anything. Aborts where the kernel cannot: it
  // takes root and Linux 5.13.
  HostSilence();

  // Listens to the file system mounted at `path`, too.
  void add(const std::filesystem::path& path);
  // Drops what has happened so far.
  void forget();
  // What processes that are not `known` have done since, but for what they did below `allowed`.
  [[nodiscard]] Complaints heard(const std::set<pid_t>& known,
                                 const std::vector<std::filesystem::path>& allowed);

 private:
  struct FileSystem {
    fsid_t id;
    UniqueFd fd;
  };

  [[nodiscard]] std::vector<FileSystem>::const_iterator system_of(fsid_t id) const;
  [[nodiscard]] std::string read_what_is_there();
  // Where the event happened; empty if its directory is gone again.
  [[nodiscard]] std::filesystem::path place_of(const void* info) const;

  UniqueFd group_;
  std::vector<FileSystem> file_systems_;
};

}  // namespace nvhook::test
