// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/procfs.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "nvhook/files/open.hpp"

namespace nvhook::files {
namespace {

constexpr ino_t kProcfsRootInode = 1;  // linux/proc_ns.h, PROC_ROOT_INO

}  // namespace

Result<UniqueFd> open_proc() {
  auto proc = open_host_directory("/proc", ErrorId::Kernel);
  if (!proc) return proc;
  struct statfs system {};
  struct stat status {};
  if (::fstatfs(proc->get(), &system) != 0 || ::fstat(proc->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat /proc");
  if (system.f_type != PROC_SUPER_MAGIC || status.st_ino != kProcfsRootInode)
    return failure(ErrorId::Kernel, "/proc is not a procfs: something is mounted over it");

  std::array<char, 32> shown{};
  const auto size = ::readlinkat(proc->get(), "self", shown.data(), shown.size());
  if (size < 0 ||
      std::string_view(shown.data(), static_cast<std::size_t>(size)) != std::to_string(::getpid()))
    return failure(ErrorId::Kernel, "/proc shows another pid namespace than this process's");
  return proc;
}

}  // namespace nvhook::files
