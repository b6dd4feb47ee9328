// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/identity.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "nvhook/files/read.hpp"

namespace nvhook::record {
namespace {

constexpr std::size_t kMaxBootIdBytes = 64;  // a UUID and a newline
constexpr std::size_t kMaxStatBytes = 4096;  // 52 numbers and a name of 64 bytes at most

Result<FileId> id_of(int fd, const char* what) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return system_failure(ErrorId::Kernel, std::string("stat the container's ") + what);
  return FileId{.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace

std::optional<std::uint64_t> start_time_of(std::string_view stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  // Behind the name comes a blank and field 3.
  for (int field = 3; field <= 22; ++field) {
    if (!stat.starts_with(' ')) return std::nullopt;
    stat.remove_prefix(1);
    if (field < 22) stat.remove_prefix(std::min(stat.find(' '), stat.size()));
  }
  std::uint64_t ticks = 0;
  const auto [end, error] = std::from_chars(stat.data(), stat.data() + stat.size(), ticks);
  if (error != std::errc()) return std::nullopt;
  return ticks;
}

Result<Identity> identify(const container::Procfs& procfs, const container::Process& process,
                          const cgroup::DeviceCgroup& cgroup) {
  Identity identity;
  // Where this machine is itself a container, as of systemd-nspawn, a file of its own lies there.
  auto boot_id = files::read_file(procfs.root.get(), "sys/kernel/random/boot_id", kMaxBootIdBytes,
                                  files::Lookup::Plain);
  if (!boot_id) return failed_to("/proc", std::move(boot_id));
  identity.boot_id = boot_id->substr(0, boot_id->find('\n'));

  auto stat = files::read_kernel_file(process.proc.get(), "stat", kMaxStatBytes);
  if (!stat) return std::unexpected(container::or_its_end(process, std::move(stat).error()));
  const auto start_time = start_time_of(*stat);
  if (!start_time)
    return std::unexpected(container::or_its_end(
        process, Error(ErrorId::Kernel, "its stat file does not tell when it started")));
  identity.start_time = *start_time;

  const auto mount_namespace = id_of(process.mount_namespace.get(), "mount namespace");
  if (!mount_namespace) return std::unexpected(mount_namespace.error());
  identity.mount_namespace = *mount_namespace;
  if (!cgroup.directory) return identity;
  const auto directory = id_of(cgroup.directory.get(), "device cgroup");
  if (!directory) return std::unexpected(directory.error());
  identity.cgroup = *directory;
  return identity;
}

std::string difference(const Identity& recorded, const Identity& now) {
  if (recorded.boot_id != now.boot_id) return "the machine has been started anew since";
  if (recorded.start_time != now.start_time) return "its pid is another process's by now";
  if (recorded.mount_namespace != now.mount_namespace)
    return "the process is in another mount namespace by now";
  if (recorded.cgroup != now.cgroup) return "the process is in another device cgroup by now";
  return {};
}

}  // namespace nvhook::record
