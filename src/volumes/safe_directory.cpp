// SPDX-License-Identifier: Apache-2.0
#include "volumes/safe_directory.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/trust.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
constexpr mode_t kStoreMode = 0755;

bool is_ours(uid_t owner) { return owner == ::geteuid() || files::is_roots(owner); }

std::unexpected<Error> not_safe(const std::string& path, std::string_view why) {
  return failure(ErrorId::Store, quote(path) + " " + std::string(why));
}

// Of a directory on the way. In one like /tmp others can make things, but exchange only their own.
Result<void> check_on_the_way(const std::string& path, const struct stat& status) {
  if (!is_ours(status.st_uid)) return not_safe(path, "belongs to another user: chown it to root");
  if ((status.st_mode & kOthersMayWrite) != 0 && (status.st_mode & S_ISVTX) == 0)
    return not_safe(path, "can be changed by others than root: chmod go-w it");
  return {};
}

// The directory itself, and everything that it really lies in.
Result<void> check_upwards(int directory, const std::string& path) {
  UniqueFd at(::openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!at || ::fstat(at.get(), &status) != 0) return trouble("stat " + quote(path));
  if (!is_ours_alone(status))
    return not_safe(path, "can be changed by others than root: chown root:root and chmod go-w it");
  for (;;) {
    UniqueFd above(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat of_above {};
    if (!above || ::fstat(above.get(), &of_above) != 0)
      return trouble("stat what is above " + quote(path));
    if (of_above.st_ino == status.st_ino && of_above.st_dev == status.st_dev) return {};
    if (auto fine = check_on_the_way("what is above " + path, of_above); !fine) return fine;
    at = std::move(above);
    status = of_above;
  }
}

// Whatever the umask is.
Result<void> make_if_missing(int parent, const std::string& name, mode_t mode,
                             const std::string& path) {
  if (::mkdirat(parent, name.c_str(), mode) != 0) {
    if (errno == EEXIST) return {};
    return trouble("make " + quote(path));
  }
  if (::fchmodat(parent, name.c_str(), mode, 0) != 0) return trouble("chmod " + quote(path));
  return {};
}

// The next directory of the way.
Result<UniqueFd> step(int at, const std::string& name, const std::string& path, bool last,
                      Missing missing) {
  if (missing == Missing::Make)
    if (auto made = make_if_missing(at, name, kStoreMode, path); !made)
      return std::unexpected(std::move(made).error());
  struct stat status {};
  if (::fstatat(at, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return trouble("stat " + quote(path));
  if (S_ISLNK(status.st_mode) && (last || !is_ours(status.st_uid)))
    return not_safe(path, "is a link: name the real directory, or take the link away");
  UniqueFd next(::openat(at, name.c_str(),
                         (last ? O_RDONLY | O_NOFOLLOW : O_PATH) | O_DIRECTORY | O_CLOEXEC));
  if (!next) return trouble("open " + quote(path));
  if (last) return next;
  if (::fstat(next.get(), &status) != 0) return trouble("stat " + quote(path));
  if (auto fine = check_on_the_way(path, status); !fine)
    return std::unexpected(std::move(fine).error());
  return next;
}

}  // namespace

bool is_ours_alone(const struct stat& status) {
  return is_ours(status.st_uid) && (status.st_mode & kOthersMayWrite) == 0;
}

Result<UniqueFd> open_safe(const std::string& path, Missing missing) {
  UniqueFd at(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return trouble("open \"/\"");
  for (std::size_t begin = 1; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    auto next = step(at.get(), path.substr(begin, end - begin), path.substr(0, end),
                     end == path.size(), missing);
    if (!next) return next;
    at = *std::move(next);
    begin = end + 1;
  }
  if (auto fine = check_upwards(at.get(), path); !fine)
    return std::unexpected(std::move(fine).error());
  struct statvfs system {};
  if (::fstatvfs(at.get(), &system) != 0) return trouble("statfs " + quote(path));
  if ((system.f_flag & ST_NOEXEC) != 0)
    return not_safe(path, "lies on a noexec mount: no container could use the driver in it");
  return at;
}

Result<UniqueFd> open_safe_at(int parent, const std::string& name, Missing missing, mode_t mode) {
  if (missing == Missing::Make)
    if (auto made = make_if_missing(parent, name, mode, name); !made)
      return std::unexpected(std::move(made).error());
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return trouble("open " + quote(name));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return trouble("stat " + quote(name));
  if (!is_ours_alone(status))
    return not_safe(name,
                    "in the store can be changed by others than root: chown root:root and "
                    "chmod go-w it");
  return fd;
}

}  // namespace nvhook::volumes
