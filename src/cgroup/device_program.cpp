// SPDX-License-Identifier: Apache-2.0
#include "device_program.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>

namespace nvhook::cgroup {
namespace {

// The registers of our parts; the rest of a program sets those that it reads (the verifier refused
// it otherwise), but for R1.
enum Register : std::uint8_t {
  kAnswer = BPF_REG_0,
  kContext = BPF_REG_1,
  kType = BPF_REG_2,  // in the grants: with the accesses that are not granted
  kMajor = BPF_REG_3,
  kMinor = BPF_REG_4,
  kAccess = BPF_REG_5,
  kScratch = BPF_REG_6,
};

constexpr std::int32_t kTypeBits = 0xffff;
constexpr std::int32_t kAccessShift = 16;
constexpr auto kNotReadOrWrite =
    static_cast<std::int32_t>(~(std::uint32_t{kRead | kWrite} << kAccessShift));
constexpr auto kCharacter = static_cast<std::int32_t>(DeviceType::Character);

bpf_insn instruction(unsigned code, std::uint8_t to, std::uint8_t from, int offset,
                     std::int32_t constant) {
  bpf_insn one{};
  one.code = static_cast<std::uint8_t>(code);
  one.dst_reg = to & 0xfU;
  one.src_reg = from & 0xfU;
  one.off = static_cast<std::int16_t>(offset);
  one.imm = constant;
  return one;
}

bpf_insn load(Register to, int offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, offset, 0);
}
// On 32 bits: the upper half becomes 0.
bpf_insn copy(Register to, Register from) {
  return instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}
bpf_insn mask(Register which, std::int32_t bits) {
  return instruction(BPF_ALU | BPF_AND | BPF_K, which, 0, 0, bits);
}
bpf_insn shift_right(Register which, std::int32_t bits) {
  return instruction(BPF_ALU | BPF_RSH | BPF_K, which, 0, 0, bits);
}
// An offset counts from the instruction behind the jump.
bpf_insn jump_if(unsigned comparison, Register which, std::int32_t constant, std::size_t offset) {
  return instruction(BPF_JMP | comparison | BPF_K, which, 0, static_cast<int>(offset), constant);
}
bpf_insn jump_if_differs(Register one, Register other, std::size_t offset) {
  return instruction(BPF_JMP | BPF_JNE | BPF_X, one, other, static_cast<int>(offset), 0);
}

void answer(Program& program, bool allowed) {
  program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, kAnswer, 0, 0, allowed ? 1 : 0));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

// The same instructions as bytes; bpf_insn cannot be compared.
auto fields(const bpf_insn& one) {
  return std::tuple(+one.code, +one.dst_reg, +one.src_reg, +one.off, +one.imm);
}

constexpr std::size_t kOpening = 5;  // instructions before the first device
constexpr std::size_t kAnswer1 = 2;

// Where all devices of one major are: is it that; is it one of these minors; then yes.
void append_group(Program& program, std::span<const DeviceNumber> group) {
  program.push_back(jump_if(BPF_JNE, kMajor, static_cast<std::int32_t>(group.front().major),
                            group.size() + kAnswer1));
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto minor = static_cast<std::int32_t>(group[i].minor);
    const auto left = group.size() - i - 1;
    program.push_back(left > 0 ? jump_if(BPF_JEQ, kMinor, minor, left)
                               : jump_if(BPF_JNE, kMinor, minor, kAnswer1));
  }
  answer(program, true);
}

// `devices` sorted, each once, at least one.
Program grants_part(std::span<const DeviceNumber> devices) {
  Program part = {load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
                  load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
                  load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)), mask(kType, kNotReadOrWrite),
                  jump_if(BPF_JNE, kType, kCharacter, 0)};
  for (auto rest = devices; !rest.empty();) {
    const auto other = std::ranges::find_if(
        rest, [&](const auto& device) { return device.major != rest.front().major; });
    const auto size = static_cast<std::size_t>(other - rest.begin());
    append_group(part, rest.first(size));
    rest = rest.subspan(size);
  }
  part[kOpening - 1].off = static_cast<std::int16_t>(part.size() - kOpening);
  return part;
}
// Each device of another major is the longest case.
static_assert(kMaxGrants * (2 + kAnswer1) <= std::numeric_limits<std::int16_t>::max());

void sort_out(std::vector<DeviceNumber>& devices) {
  std::ranges::sort(devices);
  const auto twice = std::ranges::unique(devices);
  devices.erase(twice.begin(), twice.end());
}

// One exception: unless it fits, on to what follows.
Program exception_part(const DeviceException& exception, bool allowed) {
  Program part = {jump_if(BPF_JNE, kType, static_cast<std::int32_t>(exception.type), 0)};
  if (exception.access != kAllAccess) {
    part.push_back(copy(kScratch, kAccess));
    part.push_back(mask(kScratch, exception.access));
    part.push_back(allowed ? jump_if_differs(kScratch, kAccess, 0)  // something else, too
                           : jump_if(BPF_JEQ, kScratch, 0, 0));     // nothing of it
  }
  const auto is_not = [&](Register number, const std::optional<std::uint32_t>& wanted) {
    if (wanted) part.push_back(jump_if(BPF_JNE, number, static_cast<std::int32_t>(*wanted), 0));
  };
  is_not(kMajor, exception.major);
  is_not(kMinor, exception.minor);
  answer(part, allowed);
  for (std::size_t i = 0; i < part.size(); ++i)
    if (BPF_CLASS(part[i].code) == BPF_JMP && BPF_OP(part[i].code) != BPF_EXIT)
      part[i].off = static_cast<std::int16_t>(part.size() - i - 1);
  return part;
}

}  // namespace

Grants grants_of(std::span<const bpf_insn> program) {
  if (program.size() < kOpening || program[kOpening - 1].off <= 0) return {};
  const auto size = kOpening + static_cast<std::size_t>(program[kOpening - 1].off);
  if (size > program.size()) return {};
  Grants grants{.devices = {}, .size = size};
  std::uint32_t major = 0;
  for (const auto& one : program.subspan(kOpening, size - kOpening)) {
    const auto constant = static_cast<std::uint32_t>(one.imm);
    if (one.dst_reg == kMajor) major = constant;
    if (one.dst_reg == kMinor) grants.devices.push_back({major, constant});
  }
  sort_out(grants.devices);
  // Whatever looks like such a part is one only if it is what we would write.
  if (grants.devices.empty() || grants.devices.size() > kMaxGrants ||
      !std::ranges::all_of(grants.devices, is_possible) ||
      !std::ranges::equal(grants_part(grants.devices), program.first(size), {}, fields, fields))
    return {};
  return grants;
}

Result<Program> with_grants(std::span<const bpf_insn> original, std::vector<DeviceNumber> devices) {
  auto before = grants_of(original);
  original = original.subspan(before.size);
  if (original.empty()) return failure(ErrorId::Cgroup, "the device program has no instructions");
  devices.insert(devices.end(), before.devices.begin(), before.devices.end());
  sort_out(devices);
  if (devices.size() > kMaxGrants)
    return failure(ErrorId::Cgroup,
                   "more than " + std::to_string(kMaxGrants) + " devices for one container");
  for (const auto& device : devices)
    if (!is_possible(device))
      return failure(ErrorId::Cgroup, "no device has the number " + std::to_string(device.major) +
                                          ":" + std::to_string(device.minor));
  Program program;
  if (!devices.empty()) program = grants_part(devices);
  program.insert(program.end(), original.begin(), original.end());
  return program;
}

bool can_be_loaded_again(std::span<const bpf_insn> program) {
  constexpr std::uint8_t kCall = BPF_JMP | BPF_CALL;
  constexpr std::uint8_t kWideLoad = BPF_LD | BPF_IMM | BPF_DW;
  for (std::size_t i = 0; i < program.size(); ++i) {
    const auto& one = program[i];
    if (one.code == 0 || one.code == kCall) return false;
    if (one.dst_reg > BPF_REG_10 || one.src_reg > BPF_REG_10) return false;
    if (one.code != kWideLoad) continue;
    if (one.src_reg != 0) return false;
    ++i;  // the other half of the constant, with code 0
  }
  return !program.empty();
}

Program program_of(const DevicePolicy& policy) {
  Program program = {load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
                     load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
                     load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
                     copy(kAccess, kType),
                     mask(kType, kTypeBits),
                     shift_right(kAccess, kAccessShift)};
  for (const auto& exception : policy.exceptions) {
    const auto part = exception_part(exception, !policy.allows);
    program.insert(program.end(), part.begin(), part.end());
  }
  answer(program, policy.allows);
  return program;
}

}  // namespace nvhook::cgroup
