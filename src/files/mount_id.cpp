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

// Whether statx(2) tells mount ids is found out by the first answer: the other way looks at procfs
// by a path, which a process that has entered a container must not do. Where it stops telling, the
// C library answers instead of the kernel.
Result<bool> tells_mount(const struct statx& facts) {
  static bool has_told = false;
  const bool tells = (facts.stx_mask & STATX_MNT_ID) != 0;
  if (has_told && !tells) return failure(ErrorId::Kernel, "statx does not tell mounts any more");
  has_told = tells;
  return tells;
}

}  // namespace

Result<std::uint64_t> mount_id_of(int fd) {
  struct statx facts {};
  if (::statx(fd, "", kItself | AT_EMPTY_PATH, STATX_MNT_ID, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx");
  const auto tells = tells_mount(facts);
  if (!tells) return std::unexpected(tells.error());
  return *tells ? Result<std::uint64_t>(facts.stx_mnt_id) : mount_id_by_fdinfo(fd);
}

Result<std::uint64_t> mount_id_at(int dir, const std::string& name) {
  struct statx facts {};
  if (::statx(dir, name.c_str(), kItself, STATX_MNT_ID, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx " + quote(name));
  const auto tells = tells_mount(facts);
  if (!tells) return std::unexpected(tells.error());
  if (*tells) return facts.stx_mnt_id;
  const UniqueFd fd(::openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_failure(ErrorId::Kernel, "open " + quote(name));
  return mount_id_by_fdinfo(fd.get());
}

}  // namespace nvhook::files
