// SPDX-License-Identifier: Apache-2.0
#include "support/device_evaluator.hpp"

#include <array>
#include <optional>
#include <set>

namespace nvhook::test {
namespace {

using Wrong = std::unexpected<std::string>;

constexpr std::uint64_t kLower = 0xffffffff;

// The registers: R1 is the context, which may be read through and copied, and not computed with.
class Machine {
 public:
  explicit Machine(const Question& question) : question_(question) {}

  std::expected<bool, std::string> run(std::span<const bpf_insn> program) {
    for (std::size_t at = 0; at < program.size();) {
      const auto& one = program[at];
      if (one.code == (BPF_JMP | BPF_EXIT)) return answer();
      if (one.dst_reg >= kRegisters || one.src_reg >= kRegisters) return Wrong("no such register");
      if (const auto wrong = step(one)) return Wrong("instruction " + std::to_string(at) + *wrong);
      at += 1U + jump_;
    }
    return Wrong("the program ends without an answer");
  }

 private:
  static constexpr std::size_t kRegisters = 10;  // R10, the stack, is not used
  static constexpr std::size_t kContext = 1;
  using Value = std::optional<std::uint64_t>;

  [[nodiscard]] std::expected<bool, std::string> answer() const {
    if (!registers_[0]) return Wrong("there is no answer");
    if (*registers_[0] > 1) return Wrong("the answer is neither yes nor no");
    return *registers_[0] == 1;
  }

  // What is wrong with it.
  std::optional<std::string> step(const bpf_insn& one) {
    jump_ = 0;
    switch (BPF_CLASS(one.code)) {
      case BPF_LDX:
        return load(one);
      case BPF_ALU:
      case BPF_ALU64:
        return compute(one);
      case BPF_JMP:
      case BPF_JMP32:
        return jump(one);
      default:
        return " is of another class";
    }
  }

  std::optional<std::string> load(const bpf_insn& one) {
    if (BPF_MODE(one.code) != BPF_MEM || one.imm != 0) return " is another kind of load";
    if (one.src_reg != kContext || !context_) return " reads from something else than the context";
    const auto access_type = (question_.access << 16U) | question_.type;
    Value value;
    if (BPF_SIZE(one.code) == BPF_W && one.off == 0) value = access_type;
    if (BPF_SIZE(one.code) == BPF_W && one.off == 4) value = question_.major;
    if (BPF_SIZE(one.code) == BPF_W && one.off == 8) value = question_.minor;
    if (BPF_SIZE(one.code) == BPF_H && one.off == 0) value = access_type & 0xffffU;
    if (!value) return " reads what is not there";
    set(one.dst_reg, *value);
    return std::nullopt;
  }

  std::optional<std::string> compute(const bpf_insn& one) {
    if (one.off != 0) return " has an offset";
    const bool narrow = BPF_CLASS(one.code) == BPF_ALU;
    const auto other = operand(one);
    if (!other) return " uses a register without a value";
    const auto operation = BPF_OP(one.code);
    if (operation == BPF_MOV) {
      set(one.dst_reg, narrow ? *other & kLower : *other);
      return std::nullopt;
    }
    const auto before = registers_[one.dst_reg];
    if (!before) return " changes a register without a value";
    const auto value = narrow ? *before & kLower : *before;
    const auto with = narrow ? *other & kLower : *other;
    if (operation == BPF_AND) {
      set(one.dst_reg, value & with);
    } else if (operation == BPF_RSH) {
      if (with >= (narrow ? 32U : 64U)) return " shifts too far";
      set(one.dst_reg, value >> with);
    } else {
      return " is another operation";
    }
    return std::nullopt;
  }

  std::optional<std::string> jump(const bpf_insn& one) {
    if (one.off < 0) return " jumps backwards";
    const auto far = static_cast<std::size_t>(one.off);
    if (one.code == (BPF_JMP | BPF_JA)) {
      jump_ = far;
      return std::nullopt;
    }
    const bool narrow = BPF_CLASS(one.code) == BPF_JMP32;
    const auto left = registers_[one.dst_reg];
    const auto right = operand(one);
    if (!left || !right) return " compares a register without a value";
    const auto mask = narrow ? kLower : ~std::uint64_t{0};
    const bool equal = (*left & mask) == (*right & mask);
    if (BPF_OP(one.code) == BPF_JEQ)
      jump_ = equal ? far : 0;
    else if (BPF_OP(one.code) == BPF_JNE)
      jump_ = equal ? 0 : far;
    else
      return " is another comparison";
    return std::nullopt;
  }

  // A constant is sign-extended.
  [[nodiscard]] Value operand(const bpf_insn& one) const {
    if (BPF_SRC(one.code) == BPF_X) return one.imm == 0 ? registers_[one.src_reg] : std::nullopt;
    if (one.src_reg != 0) return std::nullopt;
    return static_cast<std::uint64_t>(std::int64_t{one.imm});
  }

  void set(std::size_t which, std::uint64_t value) {
    registers_[which] = value;
    if (which == kContext) context_ = false;
  }

  Question question_;
  std::array<Value, kRegisters> registers_{};
  bool context_ = true;  // R1 is still what it was at first
  std::size_t jump_ = 0;
};

}  // namespace

std::string to_text(const Question& question) {
  return "type " + std::to_string(question.type) + " access " + std::to_string(question.access) +
         " device " + std::to_string(question.major) + ":" + std::to_string(question.minor);
}

std::expected<bool, std::string> allows(std::span<const bpf_insn> program,
                                        const Question& question) {
  return Machine(question).run(program);
}

std::vector<Question> questions_for(const std::vector<std::span<const bpf_insn>>& programs) {
  std::set<std::uint32_t> numbers = {0, 1, 195, 255, 0xfff, 0xfffff, 0x7fffffff, 0xffffffff};
  for (const auto& program : programs)
    for (const auto& one : program) {
      if (BPF_CLASS(one.code) != BPF_JMP && BPF_CLASS(one.code) != BPF_JMP32) continue;
      if (BPF_SRC(one.code) == BPF_X || one.imm < 0) continue;
      const auto constant = static_cast<std::uint32_t>(one.imm);
      numbers.insert({constant - 1U, constant, constant + 1U});
    }
  std::vector<Question> questions;
  for (const std::uint32_t type : {0U, 1U, 2U, 3U})
    for (std::uint32_t access = 0; access < 8; ++access)
      for (const auto major : numbers)
        for (const auto minor : numbers) questions.push_back({type, access, major, minor});
  return questions;
}

}  // namespace nvhook::test
