// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "nvhook/base/error.hpp"

// Which mount something lies on, as mountinfo numbers mounts. statx(2) tells since Linux 5.8;
// before, it stands in /proc/self/fdinfo (proc(5)), through a descriptor of it that is opened and
// verified when it is first needed, and held: both may be asked in any mount namespace after that.
namespace nvhook::files {

// The mount that `fd` lies on. Fails with E_KERNEL.
[[nodiscard]] Result<std::uint64_t> mount_id_of(int fd);

// The mount that `name` in the directory `dir` lies on: of a link itself, and of what is mounted
// there if something is. Fails with E_KERNEL and the kernel's code, ENOENT if there is nothing.
[[nodiscard]] Result<std::uint64_t> mount_id_at(int dir, const std::string& name);

}  // namespace nvhook::files
