// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/container/process.hpp"

namespace nvhook::apply {

// Keeps other runs for the same container away: each would stumble over the other's mount points,
// and neither could take its own ones away. Lasts as long as the descriptor of the container's
// mount namespace. Does not wait: fails with E_RACE if another run is at work, E_KERNEL.
//
// The lock is flock(2)'s, on the file of the namespace (namespaces(7)): only who may open the
// namespace of another's process can hold it.
[[nodiscard]] Result<void> be_the_only_one(const container::Process& process);

}  // namespace nvhook::apply
