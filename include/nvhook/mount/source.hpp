// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "nvhook/base/error.hpp"
#include "nvhook/base/mount_options.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::mount {

// What is to be mounted, as this kernel wants it; whoever places it need not ask which it is.
// A copy of a mount in no namespace yet, restricted already: clone() and restrict_to().
struct DetachedTree {
  UniqueFd fd;
};
// A file (O_PATH), opened in the mount namespace that it is to be mounted in.
struct HeldFile {
  UniqueFd fd;
  MountOptions options;
};
using Source = std::variant<DetachedTree, HeldFile>;

// A mount point: open (O_PATH), its type checked; and its name in a held directory, by which what
// was mounted there is found. All borrowed.
struct Point {
  int fd;
  int directory;
  const std::string& name;
  // Whether what is found by the name is a mount that was not there before: one file may be mounted
  // at several names, and somebody may exchange these.
  std::function<bool(int mount)> is_new;
};

// Mounts the source at the point, restricted and private, and returns a descriptor (O_PATH) of the
// mount for detach(). `fd_directory` is the calling process's own fd directory of a verified
// procfs: mount(2) takes paths only, and gets the names of descriptors there; it becomes the
// working directory. A held file can be written through its mount for some microseconds, between
// being bound and being restricted: the container's program does not run yet. It keeps the
// restrictions of the mount that it lies on, too. Fails with E_NOSPC (the namespace is full:
// fs.mount-max), E_RACE (the point's name leads to another file by now), else E_KERNEL; nothing is
// mounted then. Source: do_loopback and do_reconfigure_mnt in fs/namespace.c.
[[nodiscard]] Result<UniqueFd> attach(Source source, const Point& point, int fd_directory);

// Mounts a new tmpfs of at most `size` ("1m") at the point, a directory, and returns a descriptor
// (O_PATH) of its root: for kernels without detached mounts, see make_tmpfs(). It is private, and
// neither devices nor programs work there; restrict_attached() makes it read-only once it is
// filled. `fd_directory`, `label`: as above and there. Fails as attach() does.
[[nodiscard]] Result<UniqueFd> attach_tmpfs(const Point& point, const std::string& size,
                                            const std::string& label, int fd_directory);

// Restricts a mount of this process's namespace (O_PATH, its root), which may not be in its place
// any more: E_RACE. Fails with E_KERNEL. `fd_directory`: as above.
[[nodiscard]] Result<void> restrict_attached(int mount, const MountOptions& options,
                                             int fd_directory);

}  // namespace nvhook::mount
