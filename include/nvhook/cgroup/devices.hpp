// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/oci/config.hpp"

// What a container may do with devices. In cgroup v1 the files devices.list, devices.allow and
// devices.deny say it; in cgroup v2 programs do that are attached to the cgroup and to those above
// it, all of which must say yes.
// Source: Documentation/admin-guide/cgroup-v1/devices.rst and cgroup-v2.rst, "Device controller".
namespace nvhook::cgroup {

enum class Version : std::uint8_t { V1, V2 };

struct DeviceCgroup {
  UniqueFd directory;  // O_PATH; empty: there is no device cgroup, every node may be opened
  // v2: the scope of systemd's that the cgroup lies directly in and that has nothing else in it, as
  // crun makes one for each container; since its version 1.23 the container's device program is
  // attached there. Likewise; mostly empty.
  UniqueFd scope;
  std::string path;  // on this host, for messages
  Version version = Version::V1;
  pid_t pid = 0;  // of the process that it was found for, and that is in it
};

// Finds the device cgroup of the process through what is mounted here and what the process's own
// cgroup file says, and makes sure that the process is in it. Where a v1 hierarchy with the devices
// controller is mounted it is that one, else the v2 hierarchy, whatever /proc/<pid>/cgroup lists.
// Empty when neither is mounted, or when a rootless engine left the container where it is itself.
// Fails with E_CGROUP: the root cgroup or the topmost that is mounted, a path that leads outside of
// this view, a directory that does not hold the process.
[[nodiscard]] Result<DeviceCgroup> find_devices(const container::Procfs& procfs,
                                                const container::Process& process);

// What a container may not do with a device yet; both false for nothing.
struct Lack {
  DeviceNumber device;
  bool read = false;
  bool write = false;
  bool operator==(const Lack&) const = default;
};

// What the rules lack for the container to read and write each of `wanted`, each device once and
// only those that lack something. `list` is the text of devices.list. Pure.
// Fails with E_CGROUP for text of another form.
[[nodiscard]] Result<std::vector<Lack>> lacking(std::string_view list,
                                                const std::vector<DeviceNumber>& wanted);

// One device program that was put in another's place.
struct Exchanged {
  UniqueFd before;
  UniqueFd ours;
  std::uint32_t flags = 0;  // how programs are attached there, BPF_F_ALLOW_*
  int cgroup = -1;          // where: DeviceCgroup::directory or scope, borrowed
};

// What allow() has changed, so that forbid() can change it back.
struct Granted {
  std::vector<Lack> rules;          // v1: those that were added
  std::vector<Exchanged> programs;  // v2
};

// Nothing: they are not known.
using KnownRules = std::optional<std::span<const oci::DeviceRule>>;

// Programs that are left as they are, because their owner knows of the devices.
enum class Leave : std::uint8_t {
  None,
  // Systemd's, by their name, "sd_devices": it would take no other for its own, and leave ours
  // attached beside its next one. Source: systemd, src/core/bpf-devices.c, bpf_devices_cgroup_init.
  OfSystemd,
};

// Lets the container read and write the devices, and do no more with them than before otherwise.
// v1: adds what the rules lack. v2: exchanges each program that is attached to the cgroup, or to its
// scope, for one that also says yes to these devices, in one step each, so that the container is
// never without; nothing where none is attached or all say yes already. A program that cannot be
// read is made anew from `rules`, linux.resources.devices of the container's config.json, if they
// are known and it is the only one there.
// All or nothing: on failure everything is as it was. May be called in any mount namespace.
// Fails with E_CGROUP, also if the process is in the cgroup no more.
[[nodiscard]] Result<Granted> allow(const DeviceCgroup& cgroup,
                                    const std::vector<DeviceNumber>& devices, KnownRules rules,
                                    Leave leave = Leave::None);

// Takes back what allow() did, as far as it stands: a program that somebody else put in the place
// of ours stays. Asks for no memory in v2. Fails with E_CGROUP.
[[nodiscard]] Result<void> forbid(const DeviceCgroup& cgroup, const Granted& granted);

}  // namespace nvhook::cgroup
