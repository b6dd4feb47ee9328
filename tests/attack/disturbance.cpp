// SPDX-License-Identifier: Apache-2.0
#include "attack/disturbance.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

bool is_disturbed() {
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  do {
    const UniqueFd found(static_cast<int>(::syscall(
        SYS_openat2, root.get(), "usr/../usr/../usr/../usr/../usr/..", &how, sizeof how)));
    if (!found) return errno == EAGAIN;
  } while (std::chrono::steady_clock::now() < give_up);
  return false;
}

}  // namespace nvhook::test
