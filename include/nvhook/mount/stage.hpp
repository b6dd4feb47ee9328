// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

// Mounts that need a namespace to be made in, and leave it as detached ones. Linux 5.12.
namespace nvhook::mount {

// Runs `work` in a child process that has a mount namespace of its own and shares this process's
// table of descriptors: nobody else sees what is mounted there, it goes with the child, and a
// descriptor that the child exchanges (exchange_descriptor) is exchanged here. The child ends with
// `work`. The calling process must be single-threaded, and has no SIGCHLD to ignore.
// Fails with E_KERNEL, in the words of `work` if it failed.
// Source: clone(2), CLONE_FILES and CLONE_NEWNS.
[[nodiscard]] Result<void> in_private_namespace(const std::function<Result<void>()>& work);

// Lets the descriptor number `number` refer to what `by` does. Fails with E_KERNEL.
[[nodiscard]] Result<void> exchange_descriptor(int number, UniqueFd by);

// A file system of this process's own in its private namespace, to mount things in.
class Stage {
 public:
  // To be called in_private_namespace. Fails with E_KERNEL.
  [[nodiscard]] static Result<Stage> make();

  // The root directory, borrowed.
  [[nodiscard]] int directory() const { return directory_.get(); }

  // An overlay without an upper layer of `directory` (O_PATH, opened in this namespace): the same
  // files, on a file system that no remount makes writable. `fd_directory` is this very process's
  // fd directory of a verified procfs: overlayfs takes paths, and gets the names of descriptors
  // there, so that no path of the host shows in the mount's options.
  // Fails with E_KERNEL, for file systems that overlayfs does not take, too.
  // Source: Documentation/filesystems/overlayfs.rst; ovl_reconfigure in fs/overlayfs/params.c.
  [[nodiscard]] Result<UniqueFd> overlay(int directory, int fd_directory);

 private:
  Stage(UniqueFd directory, UniqueFd empty)
      : directory_(std::move(directory)), empty_(std::move(empty)) {}

  UniqueFd directory_;
  UniqueFd empty_;
  int overlays_ = 0;
};

// Locks the restrictions of detached mounts: nobody who is root only in the user namespace can take
// one of them away afterwards. A mount namespace that is copied for another user namespace locks
// what it copies, so the descriptors refer to copies then; on failure they are of no use any more.
// Fails with E_KERNEL. Source: lock_mnt_tree in fs/namespace.c, Linux 3.8.
[[nodiscard]] Result<void> lock(std::span<const int> trees, int user_namespace);

}  // namespace nvhook::mount
