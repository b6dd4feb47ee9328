// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/read.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nvhook/base/quote.hpp"

namespace nvhook::files {
namespace {

constexpr std::size_t kChunk = 64 * 1024;  // most files that we read fit into one

}  // namespace

Result<std::string> read_all(int fd, std::size_t cap) {
  std::string bytes;
  for (;;) {
    const auto have = bytes.size();
    // One byte more than the cap, to tell "ends here" from "goes on".
    const auto want = std::min(kChunk, cap + 1 - have);
    bytes.resize(have + want);
    const auto got = ::read(fd, bytes.data() + have, want);
    if (got < 0 && errno != EINTR) return system_failure(ErrorId::Kernel, "read");
    bytes.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
    if (bytes.size() > cap) {
      errno = EFBIG;
      return system_failure(ErrorId::Kernel, "read more than " + std::to_string(cap) + " bytes");
    }
  }
}

Result<std::string> read_file(int dir, std::string_view name, std::size_t cap, Lookup lookup) {
  auto fd = open_regular(dir, name, lookup);
  if (!fd) return std::unexpected(std::move(fd).error());
  auto bytes = read_all(fd->get(), cap);
  if (!bytes) return failed_to(quote(name), std::move(bytes));
  return bytes;
}

}  // namespace nvhook::files
