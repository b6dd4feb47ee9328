// SPDX-License-Identifier: Apache-2.0
// What a hostile image has its environment name in LD_PRELOAD: leaves a mark of who loaded it.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace {

[[gnu::constructor]] void leave_mark() {
  const char* where = std::getenv("NVHOOK_TEST_MARK");
  if (where == nullptr) return;
  const int fd = ::open(where, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ::close(fd);
}

}  // namespace
