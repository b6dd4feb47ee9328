// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/list.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::files {
namespace {

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

}  // namespace

Result<std::vector<std::string>> names_in(int dir, std::size_t cap) {
  // A descriptor of its own: `dir` may be O_PATH, and its position is not ours to move.
  UniqueFd fd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_failure(ErrorId::Kernel, "open directory");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(fd.get()));
  if (!stream) return system_failure(ErrorId::Kernel, "fdopendir");
  (void)fd.release();  // the stream owns it now

  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == cap) {
      errno = EOVERFLOW;
      break;
    }
    names.emplace_back(name);
  }
  if (errno != 0) return system_failure(ErrorId::Kernel, "list directory");
  std::ranges::sort(names);
  return names;
}

}  // namespace nvhook::files
