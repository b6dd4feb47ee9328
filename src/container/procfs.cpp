// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/procfs.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "nvhook/files/open.hpp"

namespace nvhook::container {
namespace {

// Source: linux/proc_ns.h, PROC_ROOT_INO and PROC_USER_INIT_INO.
constexpr ino_t kProcfsRootInode = 1;
constexpr ino_t kInitialUserNamespaceInode = 0xEFFFFFFD;

}  // namespace

Result<Procfs> open_procfs() {
  Procfs procfs;
  auto root = files::open_host_directory("/proc", ErrorId::Kernel);
  if (!root) return std::unexpected(std::move(root).error());
  procfs.root = std::move(*root);

  struct statfs system {};
  struct stat status {};
  if (::fstatfs(procfs.root.get(), &system) != 0 || ::fstat(procfs.root.get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat /proc");
  if (system.f_type != PROC_SUPER_MAGIC || status.st_ino != kProcfsRootInode)
    return failure(ErrorId::Kernel, "/proc is not a procfs: something is mounted over it");

  const auto pid = std::to_string(::getpid());
  std::array<char, 32> shown{};
  const auto size = ::readlinkat(procfs.root.get(), "self", shown.data(), shown.size());
  if (size < 0 || std::string_view(shown.data(), static_cast<std::size_t>(size)) != pid)
    return failure(ErrorId::Kernel, "/proc shows another pid namespace than this process's");

  auto self =
      files::open_at(procfs.root.get(), pid, O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!self) return failed_to("/proc", std::move(self));
  procfs.self = std::move(*self);
  auto fds =
      files::open_at(procfs.self.get(), "fd", O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!fds) return failed_to("/proc/self", std::move(fds));
  procfs.self_fds = std::move(*fds);
  if (::fstatat(procfs.self.get(), "ns/user", &status, 0) != 0)
    return system_failure(ErrorId::Kernel, "stat /proc/self/ns/user");
  procfs.initial_user_namespace = status.st_ino == kInitialUserNamespaceInode;
  return procfs;
}

}  // namespace nvhook::container
