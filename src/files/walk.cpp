// SPDX-License-Identifier: Apache-2.0
#include "walk.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/mount_id.hpp"

namespace nvhook::files {
namespace {

constexpr int kMaxLinks = 40;           // linux/include/linux/namei.h, MAXSYMLINKS
constexpr std::size_t kMaxDepth = 256;  // descriptors that a path may cost us
constexpr ino_t kProcfsRootInode = 1;   // linux/include/linux/proc_ns.h, PROC_ROOT_INO
constexpr int kHold = O_PATH | O_NOFOLLOW | O_CLOEXEC;

std::unexpected<Error> refused(int code, const std::string& path) {
  errno = code;
  return system_failure(ErrorId::Kernel, "open " + quote(path));
}

// What of openat2 the walk does not offer, or openat2 itself does not take.
bool are_usable(int flags) {
  constexpr int kWithPath = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if ((flags & O_PATH) != 0) return (flags & ~kWithPath) == 0;
  constexpr int kTemporary = O_TMPFILE & ~O_DIRECTORY;
  return (flags & (O_CREAT | O_TRUNC | kTemporary)) == 0;
}

// One lookup. It never asks the kernel for "..", which leads to wherever the directory was moved
// meanwhile: directories on the way are kept, and ".." is the one before.
class Walk {
 public:
  Walk(int top, const std::string& path, int flags, Lookup lookup)
      : top_(top), path_(path), rest_(path), flags_(flags | O_CLOEXEC), lookup_(lookup) {}

  Result<UniqueFd> run();

 private:
  [[nodiscard]] int here() const { return below_.empty() ? top_ : below_.back().get(); }
  [[nodiscard]] bool follows_links() const {
    return lookup_ != Lookup::Plain && lookup_ != Lookup::SameMount;
  }
  [[nodiscard]] bool stays_on_mount() const {
    return lookup_ == Lookup::SameMount || lookup_ == Lookup::InRootSameMount;
  }
  [[nodiscard]] bool top_is_root() const {
    return lookup_ == Lookup::InRoot || lookup_ == Lookup::InRootSameMount;
  }

  [[nodiscard]] std::unexpected<Error> refuse(int code) const { return refused(code, path_); }

  // The next component, without the slashes before it; empty at the end.
  std::string take_name();
  [[nodiscard]] bool at_end() const { return rest_.find_first_not_of('/', at_) == rest_.npos; }

  Result<void> to_top();
  Result<void> up();
  Result<void> down(const std::string& name);
  // Nothing if the name was a link, which is to be walked now.
  Result<std::optional<UniqueFd>> last(const std::string& name);
  Result<UniqueFd> open_for_use(const std::string& name, const struct stat& held);
  Result<void> follow(int link, const struct stat& status);
  Result<void> check_mount(int fd) const;

  const int top_;                // borrowed
  const std::string& path_;      // as it was asked for
  std::vector<UniqueFd> below_;  // the directories from the top to where we are
  std::string rest_;             // the path with the links that were found in it, ...
  std::size_t at_ = 0;           // ... walked up to here
  int flags_;
  const Lookup lookup_;
  int links_ = 0;
  std::optional<std::uint64_t> mount_;  // of the top
};

std::string Walk::take_name() {
  const auto begin = std::min(rest_.find_first_not_of('/', at_), rest_.size());
  at_ = std::min(rest_.find('/', begin), rest_.size());
  return rest_.substr(begin, at_ - begin);
}

Result<void> Walk::to_top() {
  if (!top_is_root()) return refuse(EXDEV);
  below_.clear();
  return {};
}

Result<void> Walk::up() {
  // Leaving a directory needs the right to search it, as entering another one below it does.
  const UniqueFd searched(::openat(here(), ".", O_PATH | O_CLOEXEC));
  if (!searched) return refuse(errno);
  if (!below_.empty())
    below_.pop_back();
  else if (!top_is_root())
    return refuse(EXDEV);
  return {};
}

Result<void> Walk::check_mount(int fd) const {
  if (!stays_on_mount()) return {};
  const auto mount = mount_id_of(fd);
  if (!mount) return std::unexpected(mount.error());
  if (*mount != *mount_) return refuse(EXDEV);
  return {};
}

Result<void> Walk::follow(int link, const struct stat& status) {
  if (++links_ > kMaxLinks || !follows_links()) return refuse(ELOOP);
  std::array<char, kMaxPath + 1> text;
  const auto size = ::readlinkat(link, "", text.data(), text.size());
  if (size < 0) return refuse(errno);

  struct statfs system {};
  struct stat parent {};
  if (::fstatfs(link, &system) != 0 || ::fstat(here(), &parent) != 0) return refuse(errno);
  const bool in_root = parent.st_dev == status.st_dev && parent.st_ino == kProcfsRootInode;
  if (system.f_type == PROC_SUPER_MAGIC && !in_root) return refuse(ELOOP);

  const std::string_view target(text.data(), static_cast<std::size_t>(size));
  rest_.replace(0, at_, target);
  at_ = 0;
  if (target.starts_with('/')) return to_top();
  return {};
}

// A component that another one follows: a directory, or a link to one. It is not opened as a
// directory (O_DIRECTORY): an automount trigger would be sprung, and waited for.
Result<void> Walk::down(const std::string& name) {
  UniqueFd fd(::openat(here(), name.c_str(), kHold));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return refuse(errno);
  if (auto same = check_mount(fd.get()); !same) return same;
  if (S_ISLNK(status.st_mode)) return follow(fd.get(), status);
  if (!S_ISDIR(status.st_mode)) return refuse(ENOTDIR);
  if (below_.size() == kMaxDepth) return refuse(ENAMETOOLONG);
  below_.push_back(std::move(fd));
  return {};
}

// Opens what was looked at for more than holding it: by its name again, and it must still be it.
Result<UniqueFd> Walk::open_for_use(const std::string& name, const struct stat& held) {
  UniqueFd fd(::openat(here(), name.c_str(), flags_ | O_NOFOLLOW));
  struct stat opened {};
  if (!fd || ::fstat(fd.get(), &opened) != 0) return refuse(errno);
  if (opened.st_dev != held.st_dev || opened.st_ino != held.st_ino) return refuse(EAGAIN);
  return fd;
}

Result<std::optional<UniqueFd>> Walk::last(const std::string& name) {
  UniqueFd fd(::openat(here(), name.c_str(), kHold));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return refuse(errno);
  if (auto same = check_mount(fd.get()); !same) return std::unexpected(same.error());
  // A slash behind the name asks for a directory, and for the one that a link leads to.
  if (at_ != rest_.size()) flags_ = (flags_ | O_DIRECTORY) & ~O_NOFOLLOW;
  if (S_ISLNK(status.st_mode) && (flags_ & O_NOFOLLOW) == 0) {
    if (auto followed = follow(fd.get(), status); !followed)
      return std::unexpected(followed.error());
    return std::nullopt;
  }
  if ((flags_ & O_DIRECTORY) != 0 && !S_ISDIR(status.st_mode)) return refuse(ENOTDIR);
  if ((flags_ & O_PATH) != 0) return fd;
  auto opened = open_for_use(name, status);
  if (!opened) return std::unexpected(std::move(opened).error());
  return std::move(*opened);
}

Result<UniqueFd> Walk::run() {
  if (stays_on_mount()) {
    const auto mount = mount_id_of(top_);
    if (!mount) return std::unexpected(mount.error());
    mount_ = *mount;
  }
  Result<void> done;
  if (rest_.starts_with('/')) done = to_top();
  while (done) {
    const auto name = take_name();
    if (name.empty()) {  // at the directory that we are in
      UniqueFd fd(::openat(here(), ".", flags_));
      if (!fd) return refuse(errno);
      return fd;
    }
    if (name == ".") continue;
    if (name == "..") {
      done = up();
    } else if (!at_end()) {
      done = down(name);
    } else {
      auto opened = last(name);
      if (!opened) return std::unexpected(std::move(opened).error());
      if (*opened) return std::move(**opened);
    }
  }
  return std::unexpected(std::move(done).error());
}

}  // namespace

Result<UniqueFd> walk(int dir, const std::string& path, int flags, Lookup lookup) {
  if (!are_usable(flags)) return refused(EINVAL, path);
  if (path.empty()) return refused(ENOENT, path);
  if (path.size() > kMaxPath) return refused(ENAMETOOLONG, path);
  return Walk(dir, path, flags, lookup).run();
}

}  // namespace nvhook::files
