// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/unique_fd.hpp"

// Device programs in this kernel, by bpf(2) itself. Needs root.
namespace nvhook::test {

// Aborts if the kernel refuses it. A name has 15 characters at most.
[[nodiscard]] UniqueFd load_device_program(std::span<const bpf_insn> program,
                                           std::string_view name = {});

// Gives it a name below a bpf file system; 0 or the error.
int pin_device_program(const std::filesystem::path& path, int program);

// 0, or the error of attaching it to a cgroup v2.
int attach_device_program(const std::filesystem::path& cgroup, int program,
                          std::uint32_t flags = BPF_F_ALLOW_MULTI);
int detach_device_program(const std::filesystem::path& cgroup, int program);

struct AttachedPrograms {
  std::vector<std::uint32_t> ids;
  std::uint32_t flags = 0;
  bool operator==(const AttachedPrograms&) const = default;
};
[[nodiscard]] AttachedPrograms device_programs_of(const std::filesystem::path& cgroup);

[[nodiscard]] UniqueFd device_program_by_id(std::uint32_t id);
// Empty if the kernel does not show them.
[[nodiscard]] std::vector<bpf_insn> instructions_of(int program);
// A text for each of the attached programs, in order; "not shown" for one that is hidden.
[[nodiscard]] std::vector<std::string> texts_of_device_programs(
    const std::filesystem::path& cgroup);

// All of that as one text, a comment before each program: "# program 17, attached with flags 2".
[[nodiscard]] std::string text_of_device_programs(const std::filesystem::path& cgroup);
// The programs of such a text.
[[nodiscard]] std::vector<std::vector<bpf_insn>> device_programs_in(std::string_view text);

}  // namespace nvhook::test
