// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/rootfs.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::container {
namespace {

Result<struct statx> mount_facts(int fd) {
  struct statx facts {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID | STATX_INO, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx");
  if ((facts.stx_mask & STATX_MNT_ID) == 0)
    return failure(ErrorId::Kernel, "statx tells no mount: nvhook needs Linux 5.8");
  return facts;
}

bool same_file(const struct statx& one, const struct statx& other) {
  return one.stx_ino == other.stx_ino && one.stx_dev_major == other.stx_dev_major &&
         one.stx_dev_minor == other.stx_dev_minor;
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
  const auto runtimes = mount_facts(process.root.get());
  const auto slash = files::open_host_directory("/", ErrorId::Kernel);
  const auto ours = slash ? mount_facts(slash->get()) : Result<struct statx>(facts);
  if (!facts || !runtimes || !slash || !ours) return no_rootfs(path, "cannot be examined");

  // A bind of "/" is a mount of its own and the same directory all the same.
  if (same_file(*facts, *runtimes) || same_file(*facts, *ours))
    return no_rootfs(path, "is the whole file system of the host or the runtime");
  if ((facts->stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
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
  const auto facts = mount_facts(fd->get());
  if (!facts) return no_rootfs(path, "cannot be examined");
  return Rootfs{.fd = std::move(*fd),
                .path = path,
                .mount_id = facts->stx_mnt_id,
                .dev_mount_id = std::nullopt};
}

}  // namespace nvhook::container
