// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook {

// Keeps other runs off a root file system, as long as the descriptor lives: containers may share
// one, and what a run has seen there must be so when it makes or sweeps something. `root` is its
// directory, `path` its name for messages. Waits for other runs, for some seconds at most, and
// fails with E_RACE then. A file system that knows no locks gives an empty descriptor.
//
// The lock is flock(2)'s, on the directory: a container can hold it, too, on its own root, and so
// keep others from starting that share it; it could as well have removed their programs.
[[nodiscard]] Result<UniqueFd> lock_root(int root, const std::string& path);

}  // namespace nvhook
