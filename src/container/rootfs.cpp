// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/rootfs.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::container {
namespace {

Result<struct statx> mount_facts(int fd) {
  struct statx facts {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID | STATX_INO, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx");
  return facts;
}

// By a symbolic link at /dev the image could make another mount look like it, so none is followed.
std::optional<std::uint64_t> dev_mount(int rootfs, std::uint64_t root_mount_id) {
  const auto dev = files::open_at(rootfs, "dev", O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!dev) return std::nullopt;
  struct statfs system {};
  if (::fstatfs(dev->get(), &system) != 0 || system.f_type != TMPFS_MAGIC) return std::nullopt;
  const auto id = mount_id_of(dev->get());
  if (!id || *id == root_mount_id) return std::nullopt;
  return *id;
}

std::unexpected<Error> no_rootfs(const std::string& path, std::string why) {
  return failure(ErrorId::Rootfs, "root file system " + quote(path) + " " + std::move(why));
}

}  // namespace

Result<std::uint64_t> mount_id_of(int fd) {
  auto facts = mount_facts(fd);
  if (!facts) return std::unexpected(std::move(facts).error());
  return facts->stx_mnt_id;
}

Result<Rootfs> open_rootfs(const Process& process, const std::string& path) {
  auto fd = files::open_at(process.root.get(), path, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
  if (!fd)
    return std::unexpected(std::move(fd).error().within("root file system").as(ErrorId::Rootfs));
  const auto facts = mount_facts(fd->get());
  const auto host = mount_facts(process.root.get());
  if (!facts || !host) return no_rootfs(path, "cannot be examined");

  if (facts->stx_mnt_id == host->stx_mnt_id && facts->stx_ino == host->stx_ino)
    return no_rootfs(path, "is the whole file system of the runtime");
  if ((facts->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
      (facts->stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    return no_rootfs(path,
                     "is not mounted in this container's namespace: it is another container's, "
                     "or the hook runs at the wrong time");
  const auto dev = dev_mount(fd->get(), facts->stx_mnt_id);
  return Rootfs{
      .fd = std::move(*fd), .path = path, .mount_id = facts->stx_mnt_id, .dev_mount_id = dev};
}

Result<Rootfs> open_rootfs_on_host(const std::string& path) {
  auto fd = files::open_host_directory(path, ErrorId::Rootfs);
  if (!fd) return failed_to("root file system", std::move(fd));
  const auto facts = mount_facts(fd->get());
  if (!facts) return no_rootfs(path, "cannot be examined");
  const auto dev = dev_mount(fd->get(), facts->stx_mnt_id);
  return Rootfs{
      .fd = std::move(*fd), .path = path, .mount_id = facts->stx_mnt_id, .dev_mount_id = dev};
}

}  // namespace nvhook::container
