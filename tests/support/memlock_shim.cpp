// SPDX-License-Identifier: Apache-2.0
// Preloaded into crun 1.8 on cgroup v2: it raises RLIMIT_MEMLOCK before it loads a program, and
// gives up where it may not, as root of a machine without CAP_SYS_RESOURCE. Kernels since 5.11 do
// not count that limit.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {

int set_limit(int resource, const void* limit) {
  const auto result =
      static_cast<int>(::syscall(SYS_prlimit64, 0, resource, limit, static_cast<void*>(nullptr)));
  return result != 0 && errno == EPERM && resource == RLIMIT_MEMLOCK ? 0 : result;
}

}  // namespace

extern "C" {

int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) noexcept {
  return set_limit(resource, limit);
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64* limit) noexcept {
  return set_limit(resource, limit);
}
}
