// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "journal.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/sandbox/phases.hpp"
#include "prepare.hpp"
#include "read_spec.hpp"

namespace nvhook {

// Text and what it says: the entries borrow from the text.
struct Mounts {
  std::string text;
  std::vector<container::MountEntry> entries;
};

// What is held of a container by its process alone.
struct PinnedProcess {
  container::Procfs procfs;
  container::Process process;
  Mounts mounts;
};

// A process that was pinned by what a glance at the state has found, and whether that worked. Both
// count only if the parser says the same.
struct EarlyPin {
  pid_t pid = 0;
  Result<PinnedProcess> pinned;
};

// Pins the process while the container's description is still parsed, and leaves no capability
// effective. Nothing where there is no pid, or where Phase::Pin would come too early: a program may
// have to be started first. Fails with E_KERNEL.
[[nodiscard]] Result<std::optional<EarlyPin>> pin_early(std::optional<pid_t> pid,
                                                        sandbox::Phases& phases);

// Takes every handle of the container that a plan or its execution needs into `prepared`, and gives
// its mounts. In Phase::Pin. For a container whose root file system may not answer it returns in
// another process: see supervise.hpp.
[[nodiscard]] Result<Mounts> pin_container(const Spec& spec, std::optional<EarlyPin> early,
                                           Prepared& prepared, Journal& journal);

}  // namespace nvhook
