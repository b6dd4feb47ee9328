// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::test {

// A BPF program as text, an instruction a line: code in hexadecimal, registers, offset and constant
// in decimal, and behind "#" what that means. Empty lines, and what follows a "#", say nothing.
//
//   55 r2 r0 +3 2          # if r2 != 2 goto +3
[[nodiscard]] std::string to_text(std::span<const bpf_insn> program);

// Aborts for text of another form: it is ours.
[[nodiscard]] std::vector<bpf_insn> from_text(std::string_view text);
[[nodiscard]] std::vector<bpf_insn> from_file(const std::filesystem::path& path);

}  // namespace nvhook::test
