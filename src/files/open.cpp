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
#include "walk.hpp"

namespace nvhook::files {
namespace {

constexpr int kMaxTries = 64;
constexpr auto kMaxWait = std::chrono::milliseconds(2);
constexpr int kMinTries = 8;  // on a busy machine 2 ms may pass between two of them

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

Result<UniqueFd> by_openat2(int dir, const std::string& path, int flags, Lookup lookup) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags) | O_CLOEXEC);
  how.resolve = resolve_flags(lookup);
  // glibc 2.36 has no wrapper for openat2.
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how)));
  if (!fd) return system_failure(ErrorId::Kernel, "open " + quote(path));
  return fd;
}

enum class Openat2 { There, Absent, Filtered };

// Asks in a way that touches no file, so that no file system has a say in the answer: the size of
// the description is looked at first (linux/fs/open.c), and 0 is too small.
Openat2 probe_openat2() {
  ::syscall(SYS_openat2, -1, "", nullptr, 0);
  if (errno == ENOSYS) return Openat2::Absent;
  return errno == EINVAL ? Openat2::There : Openat2::Filtered;
}

}  // namespace

Result<UniqueFd> open_at(int dir, std::string_view name, int flags, Lookup lookup) {
  static bool absent = false;  // the kernel stays the same
  if (name.contains('\0')) {   // the kernel would see what is before it
    errno = EINVAL;
    return system_failure(ErrorId::Kernel, "open " + quote(name));
  }
  const std::string path(name);
  const auto give_up = std::chrono::steady_clock::now() + kMaxWait;
  for (int tries = 1;; ++tries) {
    auto fd = absent ? walk(dir, path, flags, lookup) : by_openat2(dir, path, flags, lookup);
    if (fd) return fd;
    const auto code = fd.error().code().value();
    if (!absent && (code == ENOSYS || code == EPERM)) {
      const auto openat2 = probe_openat2();
      if (openat2 == Openat2::Filtered)
        return failure(ErrorId::Kernel,
                       "openat2 is forbidden here, by a system call filter or a security module: "
                       "allow it, or let it answer ENOSYS");
      absent = openat2 == Openat2::Absent;
      if (absent) continue;
    }
    // A file system in user space may say EINTR for ever.
    if (code != EAGAIN && code != EINTR) return fd;
    if (tries >= kMaxTries || (tries >= kMinTries && std::chrono::steady_clock::now() > give_up))
      return std::unexpected(std::move(fd).error().as(ErrorId::Race));
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

// The kernel gives both paths as it knows them, so the one begins with the other.
Result<std::string> path_below(int root, int fd) {
  const auto top = path_of(root);
  auto path = path_of(fd);
  if (!top || !path) return std::unexpected(top ? path.error() : top.error());
  if (*top == "/") return path;
  if (!path->starts_with(*top) || (path->size() > top->size() && (*path)[top->size()] != '/'))
    return failure(ErrorId::Race, "directory " + quote(*path) + " left the root file system");
  path->erase(0, top->size());
  if (path->empty()) path->assign("/");
  return path;
}

}  // namespace nvhook::files
