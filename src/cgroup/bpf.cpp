// SPDX-License-Identifier: Apache-2.0
#include "bpf.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"

// What bpf.o of libbpf 1.1, the low-level calls, takes from the rest of libbpf. That reads programs
// out of ELF files, and would bring libelf and zlib: half a megabyte that nvhook never runs.
// Defined here, they are there before the linker comes to libbpf.
extern "C" {
// Asked whether programs may have names (Linux 4.15), and whether the kernel counts their memory by
// cgroup instead of RLIMIT_MEMLOCK (5.11): nvhook raises that limit as it starts.
bool kernel_supports(const void* object, int feature);
bool kernel_supports(const void* /*object*/, int /*feature*/) { return true; }
// Modules do not print.
void libbpf_print(int level, const char* format, ...);
void libbpf_print(int /*level*/, const char* /*format*/, ...) {}
}

namespace nvhook::cgroup::bpf {
namespace {

constexpr auto kName = "nvhook_devices";             // as bpftool shows it; 15 characters at most
constexpr auto kLicence = "Apache-2.0";              // no helper is called that asks for another
constexpr std::size_t kMaxInstructions = 1'000'000;  // BPF_COMPLEXITY_LIMIT_INSNS of Linux 5.2
constexpr std::size_t kUsualInstructions = 512;      // runc's and systemd's have some 100
constexpr std::size_t kMaxLog = std::size_t{1} << 20U;

std::string hint_for(int error) {
  if (error == EPERM || error == EACCES)
    return " (bpf(2) needs CAP_SYS_ADMIN and, before Linux 6.9, CAP_NET_ADMIN in the first user "
           "namespace, and no filter, lockdown or security module that forbids it)";
  if (error == ENOSYS) return " (there is no bpf(2) here: CONFIG_BPF_SYSCALL, or a filter)";
  return {};
}

std::unexpected<Error> refused(std::string action) {
  const int error = errno;
  action += hint_for(error);
  errno = error;
  return system_failure(ErrorId::Cgroup, std::move(action));
}

// What the verifier wrote last is why; before it stand the instructions, one by one.
std::string_view last_words(std::string_view log) {
  while (log.ends_with('\n') || log.ends_with('\0')) log.remove_suffix(1);
  for (int lines = 0; lines < 2; ++lines) {
    const auto end = log.rfind('\n');
    if (end == log.npos) return log;
    const auto line = log.substr(end + 1);
    // "processed 5 insns (limit 1000000) ..." is behind the reason.
    if (!line.starts_with("processed ")) return line;
    log = log.substr(0, end);
  }
  return log;
}

int load_with(std::span<const bpf_insn> program, std::span<char> log) {
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  if (!log.empty()) {
    options.log_level = 1;
    options.log_size = static_cast<std::uint32_t>(log.size());
    options.log_buf = log.data();
  }
  return ::bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, kName, kLicence, program.data(),
                         program.size(), &options);
}

// Reads the instructions into `program`, as many as fit; how many there are, 0 if they are hidden.
Result<std::size_t> read_into(int fd, Program& program) {
  bpf_prog_info info{};
  const auto room = program.size() * sizeof(bpf_insn);
  info.xlated_prog_len = static_cast<std::uint32_t>(room);
  info.xlated_prog_insns = reinterpret_cast<std::uint64_t>(program.data());
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return refused("read a device program");
  if (info.xlated_prog_insns == 0) return 0U;
  return info.xlated_prog_len / sizeof(bpf_insn);
}

bool attach(int directory, int program, std::uint32_t flags, int instead_of) {
  struct bpf_prog_attach_opts options {};
  options.sz = sizeof options;
  options.flags = flags;
  if ((flags & BPF_F_REPLACE) != 0) options.replace_prog_fd = instead_of;
  return ::bpf_prog_attach_opts(program, directory, BPF_CGROUP_DEVICE, &options) == 0;
}

// Nothing if the kernel does not tell.
std::optional<std::uint32_t> id_of(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(program, &info, &size) != 0) return std::nullopt;
  return info.id;
}

// Where only one program may be attached: whether it is this one. Asks for no memory.
bool is_the_one(int directory, int program) {
  std::uint32_t attached = 0;
  struct bpf_prog_query_opts options {};
  options.sz = sizeof options;
  options.prog_ids = &attached;
  options.prog_cnt = 1;
  return ::bpf_prog_query_opts(directory, BPF_CGROUP_DEVICE, &options) == 0 &&
         options.prog_cnt == 1 && attached == id_of(program);
}

// Before Linux 5.6. Once the new one is attached nothing is allowed that the old one forbids, until
// the old one is detached.
Result<Exchange> exchange_in_two_steps(int directory, int before, int ours, std::uint32_t flags) {
  if (!attach(directory, ours, flags, -1)) return refused("attach a device program");
  if (::bpf_prog_detach2(before, directory, BPF_CGROUP_DEVICE) == 0) return Exchange::Done;
  const int error = errno;
  ::bpf_prog_detach2(ours, directory, BPF_CGROUP_DEVICE);
  if (error == ENOENT) return Exchange::NotAttached;
  errno = error;
  return refused("detach a device program");
}

}  // namespace

Result<Attached> attached_to(int directory) {
  std::array<std::uint32_t, kMaxAttached> ids{};
  struct bpf_prog_query_opts options {};
  options.sz = sizeof options;
  options.prog_ids = ids.data();
  options.prog_cnt = ids.size();
  if (::bpf_prog_query_opts(directory, BPF_CGROUP_DEVICE, &options) != 0) {
    if (errno == EINVAL) return Attached{};
    return refused("ask for the device programs of the cgroup");
  }
  const auto count = std::min<std::size_t>(options.prog_cnt, ids.size());
  return Attached{.ids = {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)},
                  .flags = options.attach_flags};
}

Result<std::optional<UniqueFd>> open_program(std::uint32_t id) {
  UniqueFd program(::bpf_prog_get_fd_by_id(id));
  if (program) return std::optional(std::move(program));
  if (errno == ENOENT) return std::nullopt;
  return refused("open device program " + std::to_string(id));
}

std::string name_of(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(program, &info, &size) != 0) return {};
  return {info.name, ::strnlen(info.name, sizeof info.name)};
}

Result<std::optional<Program>> instructions_of(int program) {
  for (auto room = kUsualInstructions;;) {
    Program instructions(room);
    const auto size = read_into(program, instructions);
    if (!size) return std::unexpected(size.error());
    if (*size == 0) return std::nullopt;
    if (*size > kMaxInstructions)
      return failure(ErrorId::Cgroup, "a device program has " + std::to_string(*size) +
                                          " instructions, more than the kernel takes");
    if (*size <= room) {
      instructions.resize(*size);
      return std::optional(std::move(instructions));
    }
    room = *size;  // of a loaded program it stays the same
  }
}

Result<UniqueFd> load(std::span<const bpf_insn> program) {
  UniqueFd loaded(load_with(program, {}));
  if (loaded) return loaded;
  const int error = errno;
  // Once more, to be told why: writing the log takes longer than everything else.
  std::string log(kMaxLog, '\0');
  UniqueFd again(load_with(program, log));
  if (again) return again;
  const auto said = last_words(std::string_view(log.data()));
  errno = error;
  return refused("load a device program of " + std::to_string(program.size()) + " instructions" +
                 (said.empty() ? "" : ": the verifier says " + quote(said)));
}

Result<Exchange> exchange(int directory, int before, int ours, std::uint32_t flags) {
  if ((flags & BPF_F_ALLOW_MULTI) == 0) {
    // The kernel takes the new one for whichever is there.
    if (!is_the_one(directory, before)) return Exchange::NotAttached;
    if (attach(directory, ours, flags, -1)) return Exchange::Done;
    return refused("attach a device program");
  }
  if (attach(directory, ours, flags | BPF_F_REPLACE, before)) return Exchange::Done;
  if (errno == ENOENT) return Exchange::NotAttached;
  // Kernels before 5.6 know no such flag, and have no room for the other program's descriptor. (64
  // attached programs give E2BIG as well, but then there is no room for one more either.)
  if (errno == EINVAL || errno == E2BIG)
    return exchange_in_two_steps(directory, before, ours, flags);
  return refused("exchange a device program");
}

}  // namespace nvhook::cgroup::bpf
