// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/read.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nvhook/base/quote.hpp"

namespace nvhook::files {
namespace {

constexpr int kMaxInterruptions = 64;    // a file system in user space may say EINTR for ever
constexpr std::size_t kSmallest = 4096;  // first read of a file that does not tell its size

// The size that a file claims; 0 for those that do not know theirs (procfs).
std::size_t claimed_size(int fd) {
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  return known ? static_cast<std::size_t>(status.st_size) : 0;
}

Result<std::string> read_from(int fd, std::size_t cap, std::size_t claimed) {
  std::string bytes;
  int interruptions = 0;
  // A byte more than is due, to see the end; ever more where nothing is known.
  for (auto want = std::min(claimed > 0 ? claimed : kSmallest, cap) + 1;;
       want = std::min(bytes.size(), cap - bytes.size()) + 1) {
    ssize_t got = 0;
    bytes.resize_and_overwrite(bytes.size() + want, [&, have = bytes.size()](char* data, auto) {
      got = ::read(fd, data + have, want);
      return have + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    });
    if (got < 0 && (errno != EINTR || ++interruptions > kMaxInterruptions))
      return system_failure(ErrorId::Kernel, "read");
    // Only files that know their size end where a read is short: procfs gives what it likes.
    if (got == 0 || (claimed > 0 && got > 0 && static_cast<std::size_t>(got) < want)) return bytes;
    if (bytes.size() > cap) {
      errno = EFBIG;
      return system_failure(ErrorId::Kernel, "read more than " + std::to_string(cap) + " bytes");
    }
  }
}

}  // namespace

Result<std::string> read_all(int fd, std::size_t cap) {
  return read_from(fd, cap, claimed_size(fd));
}

Result<std::string> read_kernel_file(int dir, std::string_view name, std::size_t cap) {
  const auto fd = open_at(dir, name, O_RDONLY, Lookup::SameMount);
  if (!fd) return std::unexpected(fd.error());
  auto bytes = read_from(fd->get(), cap, 0);
  if (!bytes) return failed_to(quote(name), std::move(bytes));
  return bytes;
}

Result<std::string> read_file(int dir, std::string_view name, std::size_t cap, Lookup lookup) {
  const auto fd = open_at(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, lookup);
  if (!fd) return std::unexpected(fd.error());
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(name));
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return system_failure(ErrorId::Kernel, "read " + quote(name) + ", not a regular file");
  }
  auto bytes = read_from(fd->get(), cap, static_cast<std::size_t>(status.st_size));
  if (!bytes) return failed_to(quote(name), std::move(bytes));
  return bytes;
}

}  // namespace nvhook::files
