// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::driver {

struct ResolvedFile {
  UniqueFd fd;    // empty if it was only looked at
  HostPath path;  // on this host, without any symbolic link
  struct stat status {};
};

// Opens files below a root as open_in_root does, and tells their real paths. Made for many files of
// few directories, where it takes a third of the time that open_in_root and path_of take: it keeps
// the directories open, and follows a link to a name beside it ("libcuda.so.1") by itself.
class Resolver {
 public:
  // `real_root` is the root's own path, without any link.
  Resolver(HostRoot root, HostPath real_root) : root_(root), real_root_(std::move(real_root)) {}

  // Fails with E_KERNEL, E_RACE.
  [[nodiscard]] Result<ResolvedFile> open(const HostPath& path, int flags);

  // Likewise without opening it: a third of the system calls.
  [[nodiscard]] Result<ResolvedFile> look_at(const HostPath& path);

 private:
  struct Directory {
    HostPath inside;  // as named below the root
    HostPath real;
    UniqueFd fd;
  };

  [[nodiscard]] Result<const Directory*> directory(const HostPath& inside);
  [[nodiscard]] Result<ResolvedFile> open_directory(const HostPath& inside);

  struct Unreachable {
    HostPath inside;
    Error why;
  };

  HostRoot root_;
  HostPath real_root_;
  std::vector<Directory> directories_;
  std::vector<Unreachable> unreachable_;  // mostly directories that this host does not have
};

}  // namespace nvhook::driver
