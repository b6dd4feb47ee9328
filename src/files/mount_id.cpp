// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/mount_id.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "fdinfo.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::files {
namespace {

constexpr int kItself = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

bool tells_mount(const struct statx& facts) { return (facts.stx_mask & STATX_MNT_ID) != 0; }

}  // namespace

Result<std::uint64_t> mount_id_of(int fd) {
  struct statx facts {};
  if (::statx(fd, "", kItself | AT_EMPTY_PATH, STATX_MNT_ID, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx");
  if (tells_mount(facts)) return facts.stx_mnt_id;
  return mount_id_by_fdinfo(fd);
}

Result<std::uint64_t> mount_id_at(int dir, const std::string& name) {
  struct statx facts {};
  if (::statx(dir, name.c_str(), kItself, STATX_MNT_ID, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx " + quote(name));
  if (tells_mount(facts)) return facts.stx_mnt_id;
  const UniqueFd fd(::openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_failure(ErrorId::Kernel, "open " + quote(name));
  return mount_id_by_fdinfo(fd.get());
}

}  // namespace nvhook::files
