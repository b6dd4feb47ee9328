// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"

namespace nvhook::cgroup {

// Bits as a device program is asked for them (BPF_DEVCG_ACC_* in include/uapi/linux/bpf.h).
inline constexpr std::uint8_t kMknod = 1;
inline constexpr std::uint8_t kRead = 2;
inline constexpr std::uint8_t kWrite = 4;
inline constexpr std::uint8_t kAllAccess = kMknod | kRead | kWrite;

enum class DeviceType : std::uint8_t { Block = 1, Character = 2 };  // BPF_DEVCG_DEV_*

// One exception of a policy; each stands for itself.
struct DeviceException {
  DeviceType type = DeviceType::Character;
  std::optional<std::uint32_t> major;  // none: any
  std::optional<std::uint32_t> minor;
  std::uint8_t access = 0;
  bool operator==(const DeviceException&) const = default;
};

// What a container may do with devices: everything but the exceptions, or nothing but them. An
// exception of an allowing policy forbids what has any of its accesses in it; one of a forbidding
// policy allows what has no others.
struct DevicePolicy {
  bool allows = false;
  std::vector<DeviceException> exceptions;
  bool operator==(const DevicePolicy&) const = default;
};

// What linux.resources.devices of a config.json comes to in a runtime: the rules in their order,
// the last that fits decides; at first nothing is allowed, at last the devices that each runtime
// adds (null, zero, full, random, urandom, tty, the terminals of /dev/pts; making nodes).
// Never more than runc or crun allow. Fails with E_CGROUP for more than 1024 rules, and
// for rules that they read differently: one that allows all types but not everything, one that
// takes something out of another's range.
// Source: OCI runtime-spec, config-linux.md, "Device allow list"; runc 1.1,
// libcontainer/cgroups/devices/devices_emulator.go and libcontainer/specconv/spec_linux.go; crun
// 1.8, src/libcrun/ebpf.c.
[[nodiscard]] Result<DevicePolicy> policy_of(std::span<const oci::DeviceRule> rules);

}  // namespace nvhook::cgroup
