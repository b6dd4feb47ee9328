// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/driver_directory.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::container {
namespace {

constexpr ino_t kProcfsRootInode = 1;  // linux/proc_ns.h, PROC_ROOT_INO
constexpr std::string_view kBelowProc = "driver/nvidia";

Result<struct statfs> file_system_of(int fd) {
  struct statfs facts {};
  if (::fstatfs(fd, &facts) != 0) return system_failure(ErrorId::Kernel, "statfs /proc");
  return facts;
}

Result<void> check_procfs(int proc) {
  const auto facts = file_system_of(proc);
  if (!facts) return std::unexpected(facts.error());
  struct stat status {};
  if (::fstat(proc, &status) != 0) return system_failure(ErrorId::Kernel, "stat /proc");
  if (facts->f_type != PROC_SUPER_MAGIC || status.st_ino != kProcfsRootInode)
    return failure(ErrorId::DstResolve, "its \"/proc\" is no procfs");
  return {};
}

Result<UniqueFd> open_below(int proc) {
  auto fd = files::open_at(proc, kBelowProc, O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!fd && leads_nowhere(fd.error()))
    return failure(ErrorId::DstResolve, "its \"/proc\" has no \"driver/nvidia\"");
  if (!fd) return fd;
  const auto facts = file_system_of(fd->get());
  if (!facts) return std::unexpected(facts.error());
  if (facts->f_type != PROC_SUPER_MAGIC && facts->f_type != TMPFS_MAGIC)
    return failure(ErrorId::DstResolve,
                   "another file system lies over its " + quote(kDriverDirectory));
  return fd;
}

// Those of other types are not asked anything: a server may be behind them.
bool is_covered(const Rootfs& rootfs, const std::vector<MountEntry>& mounts) {
  const auto root = std::ranges::find(mounts, rootfs.mount_id, &MountEntry::id);
  const auto is_point = [&](std::string_view point, std::string_view inside) {
    return point == rootfs.path + std::string(inside) ||
           (root != mounts.end() && point == root->mount_point + std::string(inside));
  };
  return std::ranges::any_of(mounts, [&](const MountEntry& mount) {
    return (is_point(mount.mount_point, "/proc/driver") ||
            is_point(mount.mount_point, kDriverDirectory)) &&
           mount.file_system != "tmpfs" && mount.file_system != "proc";
  });
}

}  // namespace

Result<UniqueFd> open_driver_directory(ContainerRoot root) {
  const auto proc = files::open_at(root.fd, "proc", O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!proc && leads_nowhere(proc.error()))
    return failure(ErrorId::DstResolve, "it has no \"/proc\"");
  if (!proc) return std::unexpected(proc.error());
  if (auto fine = check_procfs(proc->get()); !fine) return std::unexpected(std::move(fine).error());
  return open_below(proc->get());
}

Result<std::string> trouble_with_driver_directory(const Rootfs& rootfs,
                                                  const std::vector<MountEntry>& mounts) {
  if (is_covered(rootfs, mounts))
    return "another file system lies over its " + quote(kDriverDirectory);
  const auto directory = open_driver_directory(rootfs.root());
  if (!directory && directory.error().id() == ErrorId::DstResolve)
    return directory.error().message();
  if (!directory) return std::unexpected(directory.error());
  const auto id = mount_id_of(directory->get());
  if (!id) return std::unexpected(Error(id.error()));
  const auto mount = std::ranges::find(mounts, *id, &MountEntry::id);
  if (mount != mounts.end() && mount->shared)
    return "a mount over its " + quote(kDriverDirectory) +
           " would appear on the host: use a private or slave propagation for its \"/proc\"";
  return std::string();
}

std::string trouble_with_driver_directory(const Procfs& own) {
  const auto directory = open_below(own.root.get());
  return directory ? std::string() : directory.error().message();
}

}  // namespace nvhook::container
