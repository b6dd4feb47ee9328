// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device_program.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

// bpf(2) as far as device programs of cgroups need it, by libbpf's low-level calls. All of it needs
// CAP_SYS_ADMIN, and before Linux 6.9 also CAP_NET_ADMIN (bpf_prog_query in kernel/bpf/syscall.c).
// Nothing is named by a path.
namespace nvhook::cgroup::bpf {

// A cgroup has no more: BPF_CGROUP_MAX_PROGS in kernel/bpf/cgroup.c.
inline constexpr std::size_t kMaxAttached = 64;

struct Attached {
  std::vector<std::uint32_t> ids;
  std::uint32_t flags = 0;  // BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI, or neither
};

// The device programs that are attached to the cgroup itself, not to those above it. None on a
// kernel that has no such programs (EINVAL: no CONFIG_CGROUP_BPF, or before Linux 4.15).
// `directory` may be O_PATH: the kernel takes the descriptor by fget_raw (kernel/cgroup/cgroup.c,
// cgroup_get_from_fd). Fails with E_CGROUP.
[[nodiscard]] Result<Attached> attached_to(int directory);

// Nothing if the program is gone meanwhile. Fails with E_CGROUP.
[[nodiscard]] Result<std::optional<UniqueFd>> open_program(std::uint32_t id);

// The name that its owner gave it; empty before Linux 4.15, and if the kernel does not tell.
[[nodiscard]] std::string name_of(int program);

// The instructions of a loaded program as the verifier left them. Nothing if the kernel does not
// show them: constants are blinded (net.core.bpf_jit_harden), or it shows them to others only.
// Fails with E_CGROUP.
[[nodiscard]] Result<std::optional<Program>> instructions_of(int program);

// Fails with E_CGROUP; if the verifier refuses the program, with what it says last.
[[nodiscard]] Result<UniqueFd> load(std::span<const bpf_insn> program);

enum class Exchange : std::uint8_t { Done, NotAttached };

// Attaches `ours` in the place of `before` in one step, if `before` is still attached; NotAttached
// says that it is not. `flags` are those of attached_to(). Where they are neither of the two, or
// ALLOW_OVERRIDE, there is one program at most, and the kernel replaces whichever it is: somebody
// who exchanges it between our look and our call loses. Before Linux 5.6 it is done by attaching
// and detaching, with both in force meanwhile, that is with what both allow. Asks for no memory
// unless it fails. Fails with E_CGROUP. Source: BPF_F_REPLACE in include/uapi/linux/bpf.h.
[[nodiscard]] Result<Exchange> exchange(int directory, int before, int ours, std::uint32_t flags);

}  // namespace nvhook::cgroup::bpf
