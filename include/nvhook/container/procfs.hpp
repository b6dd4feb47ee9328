// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::container {

// The procfs of this host, held by descriptors that nobody can mount over.
struct Procfs {
  UniqueFd root;      // /proc, O_PATH
  UniqueFd self;      // /proc/<our pid>, O_PATH
  UniqueFd self_fds;  // /proc/<our pid>/fd, O_PATH: where descriptors have names
  // Whether we run in the machine's first user namespace. In another one (rootless engines) the
  // host's root shows as the overflow uid and device rules cannot be changed.
  bool initial_user_namespace = true;
};

// Opens /proc as files::open_proc does, and what we need of it on the same mount: nothing is
// mounted over the directory of our pid. Fails with E_KERNEL.
[[nodiscard]] Result<Procfs> open_procfs();

}  // namespace nvhook::container
