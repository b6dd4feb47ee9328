// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"

namespace nvhook {

// What of the surroundings still counts once they are gone.
struct Surroundings {
  bool no_color = false;  // NO_COLOR was set: how output looks
  // Started by somebody else than root with rights that he does not have: the file is setuid or
  // has capabilities.
  bool lent_privileges = false;
};

// Makes the process independent of whoever started it, before anything is read: inherited
// descriptors are closed, 0 to 2 exist, the environment is empty, no core is dumped, other
// processes cannot look into it, file modes are exact, no signal is blocked, and writing to a
// closed pipe is an error instead of death. A process that was started with GLIBC_TUNABLES, which
// the C library has acted on already, is started again without. The working directory is left to
// the command line. Fails with E_KERNEL where descriptors cannot be closed. `last_kept`: of a
// program that is handed further descriptors, the last of them.
[[nodiscard]] Result<Surroundings> clean_start(char** argv, int last_kept = 2);

}  // namespace nvhook
