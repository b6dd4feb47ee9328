// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/mount_options.hpp"
#include "nvhook/base/unique_fd.hpp"

// The mount calls of Linux 5.2 and 5.12, on descriptors only. A path never reaches the kernel, so
// nothing can be swapped between a check and a mount.
namespace nvhook::mount {

// A copy of the mount at `source` (an O_PATH descriptor of a file or directory), not recursive and
// in no namespace yet. It must be made in the mount namespace that `source` was opened in: after
// setns(2) the kernel refuses (EINVAL). It disappears with its last descriptor unless attached.
// Source: open_tree in fs/namespace.c; needs CAP_SYS_ADMIN. Fails with E_KERNEL.
[[nodiscard]] Result<UniqueFd> clone(int source);

// Likewise of `name` in the directory `directory`: one name, without a slash. No link is followed;
// of one it is a copy of the link. Fails with E_KERNEL.
[[nodiscard]] Result<UniqueFd> clone_at(int directory, const std::string& name);

// A new tmpfs of at most `size` ("8m", tmpfs(5)), whose root has mode 0755, in no namespace yet. All of
// it has the label of SELinux's that is given, if the kernel has SELinux: mount(8), context=.
// Fails with E_KERNEL.
[[nodiscard]] Result<UniqueFd> make_tmpfs(const std::string& size, const std::string& label);

// Restricts a detached mount and makes it private, in one call before anybody can see it.
// Source: mount_setattr(2). Fails with E_KERNEL.
[[nodiscard]] Result<void> restrict_to(int tree, const MountOptions& options);

// Attaches a detached mount onto `target`. The kernel takes any inode that is not a directory for
// a file's mount, a symbolic link even: the caller has checked the type of `target`.
// Fails with E_NOSPC (the namespace is full: fs.mount-max), else E_KERNEL.
[[nodiscard]] Result<void> attach(int tree, int target);

// Takes an attached mount away again, wherever its mount point is by now, and with it whatever has
// been mounted over it. `fd_directory` is the calling process's own fd directory of a verified
// procfs; it becomes the working directory, because umount2(2) takes paths only.
// Fails with E_KERNEL.
[[nodiscard]] Result<void> detach(int tree, int fd_directory);

}  // namespace nvhook::mount
