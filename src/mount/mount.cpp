// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

namespace nvhook::mount {
namespace {

constexpr int kMaxCovers = 64;  // nobody covers a mount that often by accident

std::uint64_t attributes(const MountOptions& options) {
  std::uint64_t bits = 0;
  if (options.ro) bits |= MOUNT_ATTR_RDONLY;
  if (options.nosuid) bits |= MOUNT_ATTR_NOSUID;
  if (options.nodev) bits |= MOUNT_ATTR_NODEV;
  if (options.noexec) bits |= MOUNT_ATTR_NOEXEC;
  return bits;
}

}  // namespace

Result<UniqueFd> clone(int source) {
  UniqueFd tree(::open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!tree) return system_failure(ErrorId::Kernel, "open_tree");
  return tree;
}

Result<UniqueFd> clone_at(int directory, const std::string& name) {
  UniqueFd tree(
      ::open_tree(directory, name.c_str(),
                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT));
  if (!tree) return system_failure(ErrorId::Kernel, "open_tree");
  return tree;
}

Result<void> restrict_to(int tree, const MountOptions& options) {
  mount_attr change{};
  change.attr_set = attributes(options);
  change.propagation = MS_PRIVATE;
  if (::mount_setattr(tree, "", AT_EMPTY_PATH, &change, sizeof change) != 0)
    return system_failure(ErrorId::Kernel, "mount_setattr");
  return {};
}

Result<void> attach(int tree, int target) {
  constexpr unsigned kByDescriptor = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (::move_mount(tree, "", target, "", kByDescriptor) != 0)
    return system_failure(errno == ENOSPC ? ErrorId::NoSpace : ErrorId::Kernel, "move_mount");
  return {};
}

Result<void> detach(int tree, int fd_directory) {
  if (::fchdir(fd_directory) != 0)
    return system_failure(ErrorId::Kernel, "fchdir to /proc/self/fd");
  // The lookup goes on from our mount to the topmost one over it (LOOKUP_MOUNTPOINT in fs/namei.c),
  // so those are taken first. A mount that is in no namespace any more gives EINVAL.
  const auto name = std::to_string(tree);
  for (int taken = 0; taken <= kMaxCovers; ++taken) {
    if (::umount2(name.c_str(), MNT_DETACH) == 0) continue;
    if (errno == EINVAL && taken > 0) return {};
    return system_failure(ErrorId::Kernel, "umount2");
  }
  return failure(ErrorId::Kernel, "umount2: somebody keeps mounting over it");
}

}  // namespace nvhook::mount
