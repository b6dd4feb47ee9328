// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::files {

// How a name is looked up; all of them refuse magic links (/proc/<pid>/root and the like).
enum class Lookup : std::uint8_t {
  InRoot,           // as if the directory were "/": links and ".." stay inside (RESOLVE_IN_ROOT)
  InRootSameMount,  // likewise, and without crossing into another mount (RESOLVE_NO_XDEV)
  Beneath,          // links may not leave the directory, absolute ones fail (RESOLVE_BENEATH)
  Plain,            // no symbolic link at all, nowhere on the way (RESOLVE_NO_SYMLINKS, BENEATH)
  SameMount,        // as Plain, and without crossing into another mount (RESOLVE_NO_XDEV)
};

// Opens `name` below the directory `dir` by openat2(2), and where the kernel has no such call
// (before Linux 5.6) by a walk of our own over the components, to the same end. Never creates a
// file. O_CLOEXEC is added to `flags`. A lookup that is called off because somebody renames nearby
// is tried again: 8 times at least, no more once 2 ms have passed, and 64 times at most (the kernel
// does so for renames anywhere on the machine: openat2(2), EAGAIN). The error code is the kernel's;
// ids: E_RACE for lasting EAGAIN, else E_KERNEL, also if openat2 is there and a filter forbids it.
[[nodiscard]] Result<UniqueFd> open_at(int dir, std::string_view name, int flags, Lookup lookup);

// Opens `path` as if `root` were "/".
template <class Side>
[[nodiscard]] Result<UniqueFd> open_in_root(RootOf<Side> root, const PathOn<Side>& path,
                                            int flags) {
  return open_at(root.fd, path.value, flags, Lookup::InRoot);
}

// Opens the regular file `name` for reading. Its type is checked on an O_PATH descriptor first, so
// that a fifo cannot make us wait and a device of the image's is never opened: EINVAL. To be called
// in the mount namespace that the hook started in (it re-opens through /proc/self/fd).
[[nodiscard]] Result<UniqueFd> open_regular(int dir, std::string_view name, Lookup lookup);

// Opens a directory of this host by its path, to stand for a root. Fails with `id`.
[[nodiscard]] Result<UniqueFd> open_host_directory(const std::string& path, ErrorId id);

// The path by which the kernel knows what `fd` refers to: the link /proc/self/fd/N of proc(5). For
// text in messages and plans; a decision never rests on it. Fails with E_KERNEL.
[[nodiscard]] Result<std::string> path_of(int fd);

// The path of `fd`, which was opened inside the root, as it looks from there: "/" for the root itself.
// Fails with E_KERNEL, E_RACE (it was moved out of the root).
[[nodiscard]] Result<std::string> path_below(int root, int fd);

}  // namespace nvhook::files
