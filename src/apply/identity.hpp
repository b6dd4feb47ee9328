// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/container/process.hpp"

namespace nvhook::apply {

// Makes files as the container's root from now on: files of a user namespace cannot belong to an id
// that it does not map (EOVERFLOW since Linux 4.8). Does nothing for a container whose root is
// ours. The kernel takes the effective capabilities over files away with the change
// (capabilities(7)); the phase that begins next sets its own again. Fails with E_USERNS.
[[nodiscard]] Result<void> become_container_root(const container::Process& process);

}  // namespace nvhook::apply
