// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/procfs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "nvhook/files/open.hpp"
#include "nvhook/files/procfs.hpp"

namespace nvhook::container {
namespace {

// Source: linux/proc_ns.h, PROC_USER_INIT_INO.
constexpr ino_t kInitialUserNamespaceInode = 0xEFFFFFFD;

}  // namespace

Result<Procfs> open_procfs() {
  Procfs procfs;
  auto root = files::open_proc();
  if (!root) return std::unexpected(std::move(root).error());
  procfs.root = std::move(*root);

  auto self = files::open_at(procfs.root.get(), std::to_string(::getpid()), O_PATH | O_DIRECTORY,
                             files::Lookup::SameMount);
  if (!self) return failed_to("/proc", std::move(self));
  procfs.self = std::move(*self);
  auto fds =
      files::open_at(procfs.self.get(), "fd", O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!fds) return failed_to("/proc/self", std::move(fds));
  procfs.self_fds = std::move(*fds);
  struct stat status {};
  if (::fstatat(procfs.self.get(), "ns/user", &status, 0) != 0)
    return system_failure(ErrorId::Kernel, "stat /proc/self/ns/user");
  procfs.initial_user_namespace = status.st_ino == kInitialUserNamespaceInode;
  return procfs;
}

}  // namespace nvhook::container
