// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/procfs.hpp"

namespace nvhook::container {

// The container's first process, pinned: every later look at it goes through these descriptors,
// so a pid that is given to somebody else meanwhile cannot mislead us.
struct Process {
  pid_t pid = 0;
  UniqueFd pidfd;            // empty where the kernel has none (before Linux 5.3)
  UniqueFd proc;             // /proc/<pid>, O_PATH; reads give ESRCH once it is dead
  UniqueFd mount_namespace;  // for setns(2)
  UniqueFd user_namespace;   // likewise; empty if it is ours
  UniqueFd mountinfo;        // its mounts, to be read from the start
  UniqueFd root;             // its "/", in its mount namespace, O_PATH
  uid_t mapped_root = 0;     // what uid 0 of its user namespace is here
  gid_t mapped_root_group = 0;
};

// Pins the process `pid`, which must live in a mount namespace of its own.
// Fails with E_PID (gone, a thread or kernel thread, this process itself), E_NS_SAME (its mount
// namespace is ours), E_NS (may not look into its namespaces), E_USERNS (its user namespace maps no
// root), E_KERNEL.
[[nodiscard]] Result<Process> pin(const Procfs& procfs, pid_t pid);

// The failure of a look at the process, under E_PID if it has ended: its files in /proc tell so in
// several ways, which have other meanings in life (ESRCH, EINVAL, nothing at all).
[[nodiscard]] Error or_its_end(const Process& process, Error error);

// Whether the container's root is the user that this process runs as.
[[nodiscard]] bool root_is_ours(const Process& process);

}  // namespace nvhook::container
