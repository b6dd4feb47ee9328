// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <span>
#include <vector>

#include "device_policy.hpp"
#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"

// The programs by which cgroup v2 restricts devices: BPF_PROG_TYPE_CGROUP_DEVICE is asked at each
// open and mknod, and answers 1 for yes. R1 points to bpf_cgroup_dev_ctx: access_type (device type
// in the lower half, accesses in the upper), major, minor. All of this is pure.
// Source: include/uapi/linux/bpf.h, kernel/bpf/cgroup.c; Linux 4.15.
namespace nvhook::cgroup {

using Program = std::vector<bpf_insn>;

// More devices than any container is given. Their instructions are fewer than a jump can pass, for
// offsets of jumps have 16 bits.
inline constexpr std::size_t kMaxGrants = 4096;

// What a program that we have changed begins with: leave to read and to write some devices.
struct Grants {
  std::vector<DeviceNumber> devices;  // sorted, each once
  std::size_t size = 0;               // how many instructions that takes; 0: there is no such part
};

// The grants that a program begins with; none in a program that we have not changed.
[[nodiscard]] Grants grants_of(std::span<const bpf_insn> program);

// `original` with leave to read and to write `devices` in front, for character devices, in one part
// with the grants that it has there already. It still says the same to everything else, making a
// node (mknod) of a granted device included. Fails with E_CGROUP: more than kMaxGrants, a number
// that no device can have, a program without instructions.
[[nodiscard]] Result<Program> with_grants(std::span<const bpf_insn> original,
                                          std::vector<DeviceNumber> devices);

// Whether these instructions, as the kernel shows those of a loaded program, can be given to it
// again. Not those with calls or maps, whose addresses it keeps back, or with blinded constants,
// which stand in a register that programs may not use.
// Source: bpf_insn_prepare_dump in kernel/bpf/syscall.c, bpf_jit_blind_constants in core.c.
[[nodiscard]] bool can_be_loaded_again(std::span<const bpf_insn> program);

// A program that decides as the policy says.
[[nodiscard]] Program program_of(const DevicePolicy& policy);

}  // namespace nvhook::cgroup
