// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "volumes/manifest.hpp"

namespace nvhook::volumes {

struct OpenSource {
  UniqueFd fd;
  Origin origin;
};

// The driver's files, opened one by one without following any link. Each must be a plain file that
// nobody but root (or the owner of this process) can change, in a directory of which the same
// holds.
class Sources {
 public:
  // Fails with E_KERNEL.
  [[nodiscard]] static Result<Sources> open();

  // Fails with E_SRC_CHANGED (it is not there, or is no plain file), E_SRC_TRUST, E_KERNEL, E_RACE.
  [[nodiscard]] Result<OpenSource> open(const HostPath& path, int flags);

  // All of them, as they are now; `way` is not known yet. Fails likewise.
  [[nodiscard]] Result<Manifest> look_at(const Contents& contents);

 private:
  explicit Sources(UniqueFd root) : root_(std::move(root)) {}
  [[nodiscard]] Result<void> check_directory(const HostPath& path);

  UniqueFd root_;
  std::set<HostPath> checked_;  // directories
};

}  // namespace nvhook::volumes
