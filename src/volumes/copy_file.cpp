// SPDX-License-Identifier: Apache-2.0
#include "volumes/copy_file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

Result<void> write_all(int to, std::span<const char> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const auto written = ::write(to, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return trouble("write " + quote(name));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> copy_bytes(int from, int to, const std::string& name) {
  constexpr std::size_t kPiece = std::size_t{256} << 10U;
  std::vector<char> piece(kPiece);
  off_t at = 0;
  for (;;) {
    const auto got = ::pread(from, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return trouble("read the driver's " + quote(name));
    if (got == 0) return {};
    const std::span<const char> bytes(piece.data(), static_cast<std::size_t>(got));
    if (auto done = write_all(to, bytes, name); !done) return done;
    at += got;
  }
}

}  // namespace

Result<CopyWay> copy_file(int from, int directory, const std::string& name) {
  constexpr mode_t kPermissions = 0777;
  struct stat status {};
  if (::fstat(from, &status) != 0) return trouble("stat the driver's " + quote(name));
  const UniqueFd to(::openat(directory, name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to) return trouble("make " + quote(name));
  auto way = CopyWay::Cloned;
  if (::ioctl(to.get(), FICLONE, from) != 0) {
    way = CopyWay::Copied;
    if (auto done = copy_bytes(from, to.get(), name); !done)
      return std::unexpected(std::move(done).error());
  }
  const std::array times{status.st_atim, status.st_mtim};
  if (::fchmod(to.get(), status.st_mode & kPermissions) != 0 ||
      ::futimens(to.get(), times.data()) != 0)
    return trouble("set mode and times of " + quote(name));
  return way;
}

}  // namespace nvhook::volumes
