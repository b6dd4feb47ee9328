// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/propagation.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace nvhook::mount {
namespace {

// What the headers of Debian 12 do not have. Source: include/uapi/linux/mount.h and stat.h of Linux
// 6.8; the number is the same on all machines.
constexpr long kStatmount = 457;
constexpr unsigned kUniqueMountId = 0x4000;    // STATX_MNT_ID_UNIQUE
constexpr std::uint64_t kPropagation = 0x02U;  // STATMOUNT_MNT_BASIC
struct Question {                              // struct mnt_id_req
  std::uint32_t size;
  std::uint32_t spare;
  std::uint64_t mount_id;
  std::uint64_t wanted;
};
struct Answer {  // struct statmount, as far as it is read
  std::uint32_t size;
  std::uint32_t options;
  std::uint64_t mask;
  std::uint32_t device_major;
  std::uint32_t device_minor;
  std::uint64_t magic;
  std::uint32_t super_flags;
  std::uint32_t type;
  std::uint64_t mount_id;
  std::uint64_t parent_id;
  std::uint32_t old_mount_id;
  std::uint32_t old_parent_id;
  std::uint64_t attributes;
  std::uint64_t propagation;
  std::array<std::uint64_t, 64> rest;  // of what this kernel knows, and later ones may
};
static_assert(offsetof(Answer, propagation) == 72);

}  // namespace

Result<std::optional<bool>> is_shared(int fd) {
  struct statx facts{};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, kUniqueMountId, &facts) != 0)
    return system_failure(ErrorId::Kernel, "statx");
  if ((facts.stx_mask & kUniqueMountId) == 0) return std::nullopt;
  const Question question{
      .size = sizeof question, .spare = 0, .mount_id = facts.stx_mnt_id, .wanted = kPropagation};
  Answer answer{};
  if (::syscall(kStatmount, &question, &answer, sizeof answer, 0) != 0) {
    // A filter that is older than the call forbids it, as it would any call that it does not know.
    if (errno == ENOSYS || errno == EPERM) return std::nullopt;
    return system_failure(ErrorId::Kernel, "statmount");
  }
  if ((answer.mask & kPropagation) == 0) return std::nullopt;
  return (answer.propagation & MS_SHARED) != 0;
}

}  // namespace nvhook::mount
