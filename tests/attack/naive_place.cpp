// SPDX-License-Identifier: Apache-2.0
#include "attack/naive_place.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

namespace nvhook::test {
namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Whether the nearest ancestor that exists is in the root.
bool looks_fine(const std::string& rootfs, std::string path) {
  char* real = nullptr;
  while (real == nullptr && path.size() > rootfs.size()) {
    path = parent_of(path);
    real = ::realpath(path.c_str(), nullptr);
  }
  const std::string where = real != nullptr ? real : "";
  std::free(real);
  return where == rootfs || where.starts_with(rootfs + "/");
}

int make_ancestors(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1))
    if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST && errno != EROFS)
      return errno;
  return 0;
}

}  // namespace

int naive_place(const std::string& source, const std::string& rootfs, const std::string& target,
                Caution caution) {
  const auto path = rootfs + target;
  if (caution == Caution::LooksFirst && !looks_fine(rootfs, path)) return EXDEV;
  if (const int error = make_ancestors(path); error != 0) return error;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0444);
  if (fd < 0) return errno;
  ::close(fd);
  if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) return errno;
  constexpr auto kReadOnly = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (::mount(nullptr, path.c_str(), nullptr, kReadOnly, nullptr) != 0) return errno;
  return 0;
}

int naive_link(const std::string& text, const std::string& rootfs, const std::string& path,
               Caution caution) {
  const auto joined = rootfs + path;
  if (caution == Caution::LooksFirst && !looks_fine(rootfs, joined)) return EXDEV;
  if (const int error = make_ancestors(joined); error != 0) return error;
  ::unlink(joined.c_str());
  return ::symlink(text.c_str(), joined.c_str()) == 0 ? 0 : errno;
}

}  // namespace nvhook::test
