// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"

namespace nvhook::sandbox {

// For nvhook-systemd: gives up every capability, for good, and all system calls but those that talk
// over unix sockets and read and write files below a directory that is held already (Filter::Tell).
// That it is root is all that systemd asks of it. On a kernel without seccomp filters it does
// without one. Fails with E_KERNEL.
[[nodiscard]] Result<void> confine_to_telling();

// For taking away what a dead container's root has of ours: gives up every capability but
// DAC_OVERRIDE and CHOWN, for good, and all system calls but those that work below directories
// which are held already (Filter::Sweep). Fails with E_KERNEL.
[[nodiscard]] Result<void> confine_to_sweeping();

// For nvhook-nvml, in which vendor code runs: the process becomes the user and group "nobody", of
// no other group, where it may change users; a user namespace may not have them, and then it stays
// who it is. It gives up every capability, for good, and cannot gain one by executing a program; it
// dumps no core. No filter: what NVML and CUDA call, and from how many threads, is theirs to say.
// Fails with E_KERNEL.
[[nodiscard]] Result<void> become_nobody();

// For nvhook-companion's process that serves the REST API: as become_nobody(), and all system calls
// are given up but those that serve a socket which it has, talk over one that it has, and read
// files (Filter::Rest). Fails with E_KERNEL.
[[nodiscard]] Result<void> confine_to_rest();

// For its process that is Docker's volume plugin: gives up every capability but DAC_OVERRIDE,
// FOWNER and CHOWN, without which it could not link to and copy files of other owners, for good,
// and all system calls but those that serve a socket which it has, read files, and make and remove
// some below directories that it holds (Filter::Volumes). Fails with E_KERNEL.
[[nodiscard]] Result<void> confine_to_volumes();

}  // namespace nvhook::sandbox
