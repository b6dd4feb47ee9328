// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"

// The device cgroup of a container, cgroup v1: files devices.list, devices.allow, devices.deny.
// Source: Documentation/admin-guide/cgroup-v1/devices.rst.
namespace nvhook::cgroup {

struct DeviceCgroup {
  UniqueFd directory;  // O_PATH; empty: there is no device cgroup, every node may be opened
  std::string path;    // on this host, for messages
};

// Finds the device cgroup of the process through what is mounted here and what the process's own
// cgroup file says, and makes sure that the process is in it. Empty when this kernel restricts no
// devices, or when a rootless engine left the container where it is itself.
// Fails with E_CGROUP: the root cgroup, a path that leads outside of this view, a cgroup v2, whose
// device programs this version does not change.
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

// Lets the container read and write the devices, by adding what the rules lack and no more; returns
// that, for forbid(). On failure the rules are as they were. Fails with E_CGROUP.
[[nodiscard]] Result<std::vector<Lack>> allow(const DeviceCgroup& cgroup,
                                              const std::vector<DeviceNumber>& devices);

// Takes back what allow() returned. Fails with E_CGROUP.
[[nodiscard]] Result<void> forbid(const DeviceCgroup& cgroup, const std::vector<Lack>& added);

}  // namespace nvhook::cgroup
