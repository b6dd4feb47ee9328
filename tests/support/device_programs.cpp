// SPDX-License-Identifier: Apache-2.0
#include "support/device_programs.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support/device_program_text.hpp"

namespace nvhook::test {
namespace {

constexpr std::string_view kHeading = "# program ";

long call(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

bpf_attr nothing() {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  return attributes;
}

template <class T>
std::uint64_t address(T* of) {
  return reinterpret_cast<std::uint64_t>(of);
}

UniqueFd directory(const std::filesystem::path& cgroup) {
  return UniqueFd(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bpf_prog_info info_of(int program, std::span<bpf_insn> room) {
  bpf_prog_info info{};
  info.xlated_prog_len = static_cast<std::uint32_t>(room.size_bytes());
  info.xlated_prog_insns = room.empty() ? 0 : address(room.data());
  auto attributes = nothing();
  attributes.info.bpf_fd = static_cast<std::uint32_t>(program);
  attributes.info.info_len = sizeof info;
  attributes.info.info = address(&info);
  if (call(BPF_OBJ_GET_INFO_BY_FD, attributes) != 0) return {};
  return info;
}

}  // namespace

UniqueFd load_device_program(std::span<const bpf_insn> program, std::string_view name) {
  auto attributes = nothing();
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.insns = address(program.data());
  attributes.license = address("GPL");
  name.copy(attributes.prog_name, sizeof attributes.prog_name - 1);
  UniqueFd loaded(static_cast<int>(call(BPF_PROG_LOAD, attributes)));
  if (!loaded) {
    std::perror("load a device program");
    std::abort();
  }
  ::fcntl(loaded.get(), F_SETFD, FD_CLOEXEC);
  return loaded;
}

int pin_device_program(const std::filesystem::path& path, int program) {
  auto attributes = nothing();
  attributes.pathname = address(path.c_str());
  attributes.bpf_fd = static_cast<std::uint32_t>(program);
  return call(BPF_OBJ_PIN, attributes) == 0 ? 0 : errno;
}

int attach_device_program(const std::filesystem::path& cgroup, int program, std::uint32_t flags) {
  const auto target = directory(cgroup);
  auto attributes = nothing();
  attributes.target_fd = static_cast<std::uint32_t>(target.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = flags;
  return call(BPF_PROG_ATTACH, attributes) == 0 ? 0 : errno;
}

int detach_device_program(const std::filesystem::path& cgroup, int program) {
  const auto target = directory(cgroup);
  auto attributes = nothing();
  attributes.target_fd = static_cast<std::uint32_t>(target.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  return call(BPF_PROG_DETACH, attributes) == 0 ? 0 : errno;
}

AttachedPrograms device_programs_of(const std::filesystem::path& cgroup) {
  const auto target = directory(cgroup);
  std::array<std::uint32_t, 64> ids{};
  auto attributes = nothing();
  attributes.query.target_fd = static_cast<std::uint32_t>(target.get());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address(ids.data());
  attributes.query.prog_cnt = ids.size();
  if (call(BPF_PROG_QUERY, attributes) != 0) return {};
  return {.ids = {ids.begin(), ids.begin() + attributes.query.prog_cnt},
          .flags = attributes.query.attach_flags};
}

UniqueFd device_program_by_id(std::uint32_t id) {
  auto attributes = nothing();
  attributes.prog_id = id;
  UniqueFd program(static_cast<int>(call(BPF_PROG_GET_FD_BY_ID, attributes)));
  if (program) ::fcntl(program.get(), F_SETFD, FD_CLOEXEC);
  return program;
}

std::vector<bpf_insn> instructions_of(int program) {
  const auto size = info_of(program, {}).xlated_prog_len / sizeof(bpf_insn);
  std::vector<bpf_insn> instructions(size);
  if (size == 0 || info_of(program, instructions).xlated_prog_insns == 0) return {};
  return instructions;
}

std::vector<std::string> texts_of_device_programs(const std::filesystem::path& cgroup) {
  std::vector<std::string> texts;
  for (const auto id : device_programs_of(cgroup).ids) {
    const auto instructions = instructions_of(device_program_by_id(id).get());
    texts.push_back(instructions.empty() ? "not shown" : to_text(instructions));
  }
  return texts;
}

std::string text_of_device_programs(const std::filesystem::path& cgroup) {
  const auto attached = device_programs_of(cgroup);
  const auto texts = texts_of_device_programs(cgroup);
  std::string all;
  for (std::size_t i = 0; i < texts.size(); ++i)
    all += std::string(kHeading) + std::to_string(attached.ids[i]) + ", attached with flags " +
           std::to_string(attached.flags) + "\n" + texts[i];
  return all;
}

std::vector<std::vector<bpf_insn>> device_programs_in(std::string_view text) {
  std::vector<std::vector<bpf_insn>> programs;
  for (auto at = text.find(kHeading); at != text.npos;) {
    const auto next = text.find(kHeading, at + 1);
    programs.push_back(from_text(text.substr(at, next - at)));
    at = next;
  }
  return programs;
}

}  // namespace nvhook::test
