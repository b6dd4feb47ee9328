// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "journal.hpp"
#include "nvhook/base/error.hpp"
#include "read_spec.hpp"

namespace nvhook {

// What the user asked for. All paths are absolute already.
struct Cleanup {
  std::optional<std::string> config_file;
  std::optional<std::string> debug_file;
};

// Takes away what a container that is no more has of ours: in its root file system, its record,
// what was left for systemd about its scope. A container that nvhook has done nothing for has
// nothing. Fails with E_RECORD (the container still runs), E_KERNEL, E_RACE, E_NOSPC.
[[nodiscard]] Result<void> forget(const Stopped& container);

// The same for all containers that have a record and are no more: where no poststop hook is run, or
// a run was killed. Gives what is to be printed; what could not be done is in the journal. Fails
// with E_RECORD, E_KERNEL.
[[nodiscard]] Result<std::string> clean_up(Journal& journal);

}  // namespace nvhook
