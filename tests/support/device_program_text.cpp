// SPDX-License-Identifier: Apache-2.0
#include "support/device_program_text.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace nvhook::test {
namespace {

std::string other_operand(const bpf_insn& one) {
  return BPF_SRC(one.code) == BPF_X ? "r" + std::to_string(one.src_reg) : std::to_string(one.imm);
}

const char* comparison_of(const bpf_insn& one) {
  switch (BPF_OP(one.code)) {
    case BPF_JEQ:
      return "==";
    case BPF_JNE:
      return "!=";
    default:
      return "?";
  }
}

const char* operation_of(const bpf_insn& one) {
  switch (BPF_OP(one.code)) {
    case BPF_MOV:
      return "=";
    case BPF_AND:
      return "&=";
    case BPF_RSH:
      return ">>=";
    default:
      return "?=";
  }
}

std::string meaning_of(const bpf_insn& one) {
  const auto to = std::to_string(one.dst_reg);
  switch (BPF_CLASS(one.code)) {
    case BPF_LDX:
      return "r" + to + " = *(" +
             (BPF_SIZE(one.code) == BPF_W   ? "u32"
              : BPF_SIZE(one.code) == BPF_H ? "u16"
                                            : "?") +
             " *)(r" + std::to_string(one.src_reg) + " + " + std::to_string(one.off) + ")";
    case BPF_ALU:
      return "w" + to + " " + operation_of(one) + " " + other_operand(one);
    case BPF_ALU64:
      return "r" + to + " " + operation_of(one) + " " + other_operand(one);
    case BPF_JMP:
    case BPF_JMP32:
      if (BPF_OP(one.code) == BPF_EXIT) return "exit";
      if (BPF_OP(one.code) == BPF_JA) return "goto +" + std::to_string(one.off);
      return "if r" + to + " " + comparison_of(one) + " " + other_operand(one) + " goto +" +
             std::to_string(one.off);
    default:
      return "?";
  }
}

}  // namespace

std::string to_text(std::span<const bpf_insn> program) {
  std::string text;
  for (const auto& one : program) {
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "%02x r%u r%u %+d %d", one.code, one.dst_reg,
                  one.src_reg, one.off, one.imm);
    std::string padded = line.data();
    padded.resize(std::max<std::size_t>(padded.size(), 24), ' ');
    text += padded + "# " + meaning_of(one) + "\n";
  }
  return text;
}

std::vector<bpf_insn> from_text(std::string_view text) {
  std::vector<bpf_insn> program;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    unsigned code = 0;
    unsigned to = 0;
    unsigned from = 0;
    int offset = 0;
    int constant = 0;
    if (std::sscanf(line.c_str(), "%x r%u r%u %d %d", &code, &to, &from, &offset, &constant) != 5)
      std::abort();
    bpf_insn one{};
    one.code = static_cast<std::uint8_t>(code);
    one.dst_reg = to & 0xfU;
    one.src_reg = from & 0xfU;
    one.off = static_cast<std::int16_t>(offset);
    one.imm = constant;
    program.push_back(one);
  }
  return program;
}

std::vector<bpf_insn> from_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) std::abort();
  std::ostringstream text;
  text << in.rdbuf();
  return from_text(text.str());
}

}  // namespace nvhook::test
