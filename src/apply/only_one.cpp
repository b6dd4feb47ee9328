// SPDX-License-Identifier: Apache-2.0
#include "only_one.hpp"

#include <sys/file.h>

#include <cerrno>
#include <string>

namespace nvhook::apply {

Result<void> be_the_only_one(const container::Process& process) {
  if (::flock(process.mount_namespace.get(), LOCK_EX | LOCK_NB) == 0) return {};
  const auto pid = std::to_string(process.pid);
  if (errno == EWOULDBLOCK)
    return failure(ErrorId::Race, "another nvhook works on the container of process " + pid +
                                      " at this moment; register it once");
  return system_failure(ErrorId::Kernel, "lock the mount namespace of process " + pid);
}

}  // namespace nvhook::apply
