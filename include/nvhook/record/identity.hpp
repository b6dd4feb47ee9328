// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/record/record.hpp"

namespace nvhook::record {

// Who the pinned process is, and where. Reads below the held directories only. Fails with E_PID if
// it has ended, E_KERNEL.
[[nodiscard]] Result<Identity> identify(const container::Procfs& procfs,
                                        const container::Process& process,
                                        const cgroup::DeviceCgroup& cgroup);

// What differs between the container of the record and the one that is there now, for a message:
// "the machine has been started anew since". Empty if they are one. Pure.
[[nodiscard]] std::string difference(const Identity& recorded, const Identity& now);

// The field start_time, 22, of the text of /proc/<pid>/stat; nothing for text of another form. The
// name in parentheses, field 2, may hold anything. Source: proc_pid_stat(5).
[[nodiscard]] std::optional<std::uint64_t> start_time_of(std::string_view stat);

}  // namespace nvhook::record
