// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/open.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include "nvhook/base/quote.hpp"

namespace nvhook::files {
namespace {

constexpr int kMaxTries = 64;
constexpr auto kMaxWait = std::chrono::milliseconds(2);

std::uint64_t resolve_flags(Lookup lookup) {
  switch (lookup) {
    case Lookup::InRoot:
      return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    case Lookup::InRootSameMount:
      return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    case Lookup::Beneath:
      return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    case Lookup::Plain:
      return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    case Lookup::SameMount:
      return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace

Result<UniqueFd> open_at(int dir, std::string_view name, int flags, Lookup lookup) {
  const std::string path(name);
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags) | O_CLOEXEC);
  how.resolve = resolve_flags(lookup);

  const auto give_up = std::chrono::steady_clock::now() + kMaxWait;
  for (int tries = 1;; ++tries) {
    // glibc 2.36 has no wrapper for openat2.
    const long fd = ::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return system_failure(ErrorId::Kernel, "open " + quote(name));
    if (tries >= kMaxTries || std::chrono::steady_clock::now() > give_up)
      return system_failure(ErrorId::Race, "open " + quote(name));
  }
}

Result<UniqueFd> open_regular(int dir, std::string_view name, Lookup lookup) {
  const auto held = open_at(dir, name, O_PATH, lookup);
  if (!held) return std::unexpected(Error(held.error()));
  struct stat status {};
  if (::fstat(held->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(name));
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return system_failure(ErrorId::Kernel, "open " + quote(name) + ", not a regular file");
  }
  const auto link = "/proc/self/fd/" + std::to_string(held->get());
  UniqueFd fd(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return system_failure(ErrorId::Kernel, "open " + quote(name));
  return fd;
}

Result<UniqueFd> open_host_directory(const std::string& path, ErrorId id) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_failure(id, "open directory " + quote(path));
  return fd;
}

Result<std::string> path_of(int fd) {
  std::array<char, kMaxPath + 1> buffer;
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto size = ::readlink(link.c_str(), buffer.data(), buffer.size());
  if (size < 0) return system_failure(ErrorId::Kernel, "readlink " + link);
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

}  // namespace nvhook::files
