// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "journal.hpp"
#include "nvhook/base/error.hpp"

namespace nvhook {

// Which running container is to get its devices again: one of the two is there.
struct Reapply {
  std::optional<std::string> id;
  std::optional<pid_t> pid;  // of its first process
  std::optional<std::string> config_file;
  std::optional<std::string> debug_file;
};

// Allows a running container the devices that its record names, where its device cgroup does not
// allow them any more, and has systemd told of them, if it has made the container's scope and does
// not know. Gives what was done, for people. Refuses a container that is another than the record's.
// Fails with E_RECORD, E_PID, E_NS*, E_USERNS, E_CGROUP, E_KERNEL.
[[nodiscard]] Result<std::string> reapply(const Reapply& what, Journal& journal);

}  // namespace nvhook
