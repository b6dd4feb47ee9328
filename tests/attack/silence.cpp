// SPDX-License-Identifier: Apache-2.0
#include "attack/silence.hpp"

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>

namespace nvhook::test {
namespace {

bool same_time(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

UniqueFd open_directory(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    std::perror(path.c_str());
    std::abort();  // the test has just made it
  }
  return fd;
}

}  // namespace

Silence::Silence(const std::vector<std::filesystem::path>& directories, const std::string& canary,
                 const std::filesystem::path& seen_from) {
  for (const auto& directory : directories) {
    const auto path = seen_from / directory.relative_path();
    watched_.push_back({path.string(), open_directory(path), "", {}});
    watched_.push_back({(path / canary).string(), open_directory(path), canary, {}});
  }
  accept();
}

struct stat Silence::look_at(const Watched& watched) {
  // A file that is gone has no type: 0.
  struct stat facts{};
  const int flags = AT_SYMLINK_NOFOLLOW | (watched.name.empty() ? AT_EMPTY_PATH : 0);
  if (::fstatat(watched.directory.get(), watched.name.c_str(), &facts, flags) != 0) return {};
  return facts;
}

std::string Silence::broken_by() const {
  for (const auto& watched : watched_) {
    const auto now = look_at(watched);
    const auto& before = watched.before;
    if (now.st_mode == 0) return watched.what + " is gone";
    // What is mounted over a file shows its own inode.
    if (now.st_ino != before.st_ino || now.st_dev != before.st_dev)
      return watched.what + " is another file";
    if (!same_time(now.st_ctim, before.st_ctim)) return watched.what + " was changed";
  }
  return {};
}

void Silence::accept() {
  for (auto& watched : watched_) watched.before = look_at(watched);
}

}  // namespace nvhook::test
