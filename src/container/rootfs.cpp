// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/rootfs.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::container {
namespace {

Result<struct statx> facts_of(int fd) {
  struct statx facts {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID | STATX_INO, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx");
  if ((facts.stx_mask & STATX_MNT_ID) != 0) return facts;
  const auto mount_id = mount_id_of(fd);
  if (!mount_id) return std::unexpected(Error(mount_id.error()));
  facts.stx_mnt_id = *mount_id;
  return facts;
}

bool same_file(const struct statx& one, const struct statx& other) {
  return one.stx_ino == other.stx_ino && one.stx_dev_major == other.stx_dev_major &&
         one.stx_dev_minor == other.stx_dev_minor;
}

// Since Linux 5.8 statx(2) tells. Before, by where ".." leads: from the root of a mount, and from
// no other directory, onto another mount. (From "/" it leads nowhere; that is no container's root.)
bool is_mount_root(int directory, const struct statx& facts) {
  if ((facts.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
    return (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  const auto above = files::mount_id_at(directory, "..");
  return above && *above != facts.stx_mnt_id;
}

std::unexpected<Error> no_rootfs(const std::string& path, std::string why) {
  return failure(ErrorId::Rootfs, "root file system " + quote(path) + " " + std::move(why));
}

}  // namespace

Result<Rootfs> open_rootfs(const Process& process, const std::string& path) {
  auto fd = files::open_at(process.root.get(), path, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
  if (!fd)
    return std::unexpected(std::move(fd).error().within("root file system").as(ErrorId::Rootfs));
  const auto facts = facts_of(fd->get());
  const auto runtimes = facts_of(process.root.get());
  const auto slash = files::open_host_directory("/", ErrorId::Kernel);
  const auto ours = slash ? facts_of(slash->get()) : Result<struct statx>(facts);
  if (!facts || !runtimes || !slash || !ours) return no_rootfs(path, "cannot be examined");

  // A bind of "/" is a mount of its own and the same directory all the same.
  if (same_file(*facts, *runtimes) || same_file(*facts, *ours))
    return no_rootfs(path, "is the whole file system of the host or the runtime");
  if (!is_mount_root(fd->get(), *facts))
    return no_rootfs(path,
                     "is not mounted in this container's namespace: it is another container's, "
                     "or the hook runs at the wrong time");
  return Rootfs{.fd = std::move(*fd),
                .path = path,
                .mount_id = facts->stx_mnt_id,
                .dev_mount_id = std::nullopt};
}

Result<Rootfs> open_rootfs_on_host(const std::string& path) {
  auto fd = files::open_host_directory(path, ErrorId::Rootfs);
  if (!fd) return failed_to("root file system", std::move(fd));
  const auto mount_id = mount_id_of(fd->get());
  if (!mount_id) return no_rootfs(path, "cannot be examined");
  return Rootfs{
      .fd = std::move(*fd), .path = path, .mount_id = *mount_id, .dev_mount_id = std::nullopt};
}

}  // namespace nvhook::container
