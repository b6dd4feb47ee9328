// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

// What a device program says, without a kernel. Written from the kernel's description of the
// instructions (Documentation/bpf/standardization/instruction-set.rst) and shares nothing with what
// makes programs.
namespace nvhook::test {

// Somebody is about to open a device, or to make its node.
struct Question {
  std::uint32_t type = 0;    // BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR
  std::uint32_t access = 0;  // BPF_DEVCG_ACC_*
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  auto operator<=>(const Question&) const = default;
};
[[nodiscard]] std::string to_text(const Question& question);

// Whether the program allows it. An error says what is wrong with the program: an instruction that
// runc, crun, systemd and nvhook do not use, a register that was not set, a jump to nowhere or
// backwards, an end without an answer, an answer other than 0 and 1.
[[nodiscard]] std::expected<bool, std::string> allows(std::span<const bpf_insn> program,
                                                      const Question& question);

// The error, for messages; empty if there is none.
[[nodiscard]] inline std::string fault_of(const std::expected<bool, std::string>& answer) {
  return answer ? std::string() : answer.error();
}

// Questions of which every one that a program could tell apart has one like it: all types and
// accesses, and of majors and minors every constant that one of the programs compares with, those
// beside it, and the ends of what the kernel has.
[[nodiscard]] std::vector<Question> questions_for(
    const std::vector<std::span<const bpf_insn>>& programs);

}  // namespace nvhook::test
