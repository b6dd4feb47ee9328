// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/write.hpp"

#include <unistd.h>

#include <cerrno>

namespace nvhook::files {

Result<void> write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0)
      return system_failure(errno == ENOSPC || errno == EDQUOT ? ErrorId::NoSpace : ErrorId::Kernel,
                            "write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace nvhook::files
