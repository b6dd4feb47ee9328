// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/plan/plan.hpp"
#include "nvhook/sandbox/phases.hpp"

namespace nvhook::apply {

// The container by its descriptors, all of them taken before it is entered. Borrowed.
struct Target {
  const container::Procfs& procfs;
  const container::Process& process;
  const container::Rootfs& rootfs;
  const cgroup::DeviceCgroup& cgroup;
  const std::vector<oci::DeviceRule>& device_rules;  // of config.json, for cgroup::allow
  sandbox::Phases& phases;                           // those from Capture on are begun here
};

// Is told of each step before it is done ("mount /dev/nvidia0"). May be empty.
using Observer = std::function<void(std::string_view step)>;

// A thing that stays in the container's root: an empty file that is mounted over, a directory, a
// link, a file.
struct Made {
  ContainerPath path;
  std::uint64_t inode = 0;
};

struct Done {
  std::vector<Made> made;
  std::vector<Warning> warnings;
};

// Whether the sources of the plan are what they should be, so that a dry run ends as the hook
// would. Changes nothing. Fails with E_SRC_*, E_NODE_TYPE, E_KERNEL.
[[nodiscard]] Result<void> check_sources(const plan::Plan& plan, const container::Procfs& procfs);

// Carries out the plan: captures the sources, seals or locks them for a container that could take
// their restrictions away, enters the container's mount namespace, places mounts, links and files,
// allows the devices late, so that a run that fails grants nothing, and gives the loader's file its
// name last, for that cannot be undone. All or nothing: on failure everything done is undone in
// reverse order. Gives what was made, and what the user should know: W_NOT_SEALED, W_NOT_LOCKED.
//
// The calling process must be single-threaded with umask 0. It stays in the container's mount
// namespace afterwards, its signals held back, acts as the container's root there, and can make no
// system calls but those of sandbox::Phase::Place: it may write to descriptors that it holds, and
// should end soon. Fails with E_SRC_*, E_DST_*, E_PROPAGATION, E_NS, E_USERNS, E_CGROUP, E_NOSPC,
// E_RACE, E_INTERRUPTED, E_KERNEL.
[[nodiscard]] Result<Done> run(const plan::Plan& plan, const Target& target,
                               const Observer& observer);

}  // namespace nvhook::apply
