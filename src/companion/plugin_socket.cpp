// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "directories.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/companion/listen.hpp"
#include "nvhook/companion/original.hpp"
#include "nvhook/files/trust.hpp"

namespace nvhook::companion {
namespace {

constexpr int kBacklog = 128;
constexpr auto kName = kSocketName.data();

// The plugin's socket, for messages.
std::string shown(const std::string& directory) {
  const auto quoted = quote(directory + "/" + kName);
  return "listen unix " + quoted.substr(1, quoted.size() - 2) + ": ";
}

std::unexpected<Error> refused(const std::string& directory, const char* call) {
  const int error = errno;
  return failure(ErrorId::Listen, shown(directory) + call + ": " + original::words_of(error));
}

bool is_ours(uid_t owner) { return files::is_roots(owner) || owner == ::geteuid(); }

// By the directory's descriptor: its path may be longer than an address of a socket, and lead to
// something else meanwhile.
sockaddr_un address_in(int directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = "/proc/self/fd/" + std::to_string(directory) + "/" + kName;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// Whether somebody listens there: also one that does not come to it at the moment.
bool is_live(int directory) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_in(directory);
  return !probe ||
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno != ECONNREFUSED;
}

// What stands at the socket's name is taken away if it is what a daemon has left that died.
Result<void> clear_name(int directory, const std::string& path) {
  struct stat status {};
  if (::fstatat(directory, kName, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Result<void>() : refused(path, "stat");
  if (!S_ISSOCK(status.st_mode) || !is_ours(status.st_uid))
    return failure(ErrorId::Listen, shown(path) +
                                        "what stands there is no socket of root's, and is left as "
                                        "it is: take it away, or choose another directory");
  if (is_live(directory))
    return failure(ErrorId::Listen, shown(path) + "another process listens there: stop it first");
  if (::unlinkat(directory, kName, 0) != 0) return refused(path, "unlink");
  return {};
}

Result<UniqueFd> open_directory(const std::string& path) {
  make_directories(path, S_IRWXU);
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return refused(path, "bind");
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return refused(path, "stat");
  if (!is_ours(status.st_uid) || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return failure(ErrorId::Listen, shown(path) +
                                        "others than root can change the directory (chown root, "
                                        "chmod go-w), and could take the socket's place");
  return directory;
}

}  // namespace

Result<PluginSocket> PluginSocket::make(const std::string& path) {
  auto directory = open_directory(path);
  if (!directory) return std::unexpected(std::move(directory).error());
  // Two that start at once: one looks, clears and binds after the other.
  if (::flock(directory->get(), LOCK_EX) != 0) return refused(path, "flock");
  if (auto cleared = clear_name(directory->get(), path); !cleared)
    return std::unexpected(std::move(cleared).error());
  PluginSocket made;
  made.socket_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket_) return refused(path, "socket");
  const auto address = address_in(directory->get());
  const mode_t before = ::umask(S_IXUSR | S_IRWXG | S_IRWXO);
  const int bound = ::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(before);
  errno = error;
  if (bound != 0) return refused(path, "bind");
  if (::listen(made.get(), kBacklog) != 0) return refused(path, "listen");
  struct stat status {};
  if (::fstatat(directory->get(), kName, &status, AT_SYMLINK_NOFOLLOW) != 0)
    return refused(path, "stat");
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  ::flock(directory->get(), LOCK_UN);
  made.directory_ = std::move(*directory);
  return made;
}

void PluginSocket::remove() {
  struct stat status {};
  if (::fstatat(directory_.get(), kName, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_dev == device_ && status.st_ino == inode_)
    ::unlinkat(directory_.get(), kName, 0);
}

}  // namespace nvhook::companion
