// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/tier.hpp"

#include <sys/mount.h>

#include <cerrno>
#include <string>

namespace nvhook::mount {
namespace {

constexpr unsigned kNoSuchFlags = ~0U;
constexpr int kNothing = -1;

// Whether a call is there, from how it refused.
Result<bool> is_there(const char* call, int refused) {
  if (refused == EINVAL) return true;
  if (refused == ENOSYS) return false;
  errno = refused;
  return system_failure(ErrorId::Kernel,
                        std::string(call) +
                            " is forbidden to the hook, by a seccomp filter or for want of "
                            "CAP_SYS_ADMIN; let the runtime's service use the mount calls");
}

}  // namespace

Result<Tier> find_tier() {
  mount_attr none{};
  const struct {
    const char* name;
    int refused;
  } calls[] = {
      {"open_tree", ::open_tree(kNothing, "", kNoSuchFlags) < 0 ? errno : 0},
      {"move_mount", ::move_mount(kNothing, "", kNothing, "", kNoSuchFlags) < 0 ? errno : 0},
      {"mount_setattr",
       ::mount_setattr(kNothing, "", kNoSuchFlags, &none, sizeof none) < 0 ? errno : 0},
  };
  auto tier = Tier::Detached;
  for (const auto& call : calls) {
    const auto there = is_there(call.name, call.refused);
    if (!there) return std::unexpected(there.error());
    if (!*there) tier = Tier::Classic;
  }
  return tier;
}

}  // namespace nvhook::mount
