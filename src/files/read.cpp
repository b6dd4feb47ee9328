// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/read.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nvhook/base/quote.hpp"

namespace nvhook::files {
namespace {

constexpr std::size_t kSmallest = 4096;  // first read of a file that does not tell its size

// How much to read at once: all of a file that tells its size and a byte more, to see its end at
// the first read; of others ever more.
std::size_t first_read(int fd, std::size_t cap) {
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  const auto size = known ? static_cast<std::size_t>(status.st_size) : kSmallest;
  return std::min(size, cap) + 1;
}

}  // namespace

Result<std::string> read_all(int fd, std::size_t cap) {
  std::string bytes;
  for (auto want = first_read(fd, cap);; want = std::min(bytes.size(), cap - bytes.size()) + 1) {
    ssize_t got = 0;
    bytes.resize_and_overwrite(bytes.size() + want, [&, have = bytes.size()](char* data, auto) {
      got = ::read(fd, data + have, want);
      return have + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    });
    if (got < 0 && errno != EINTR) return system_failure(ErrorId::Kernel, "read");
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
