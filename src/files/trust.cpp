// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/trust.hpp"

namespace nvhook::files {
namespace {

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
constexpr uid_t kOverflowUid = 65534;  // /proc/sys/kernel/overflowuid

}  // namespace

std::string_view objection_to_socket(const struct stat& socket, const struct stat& directory) {
  if (!S_ISSOCK(socket.st_mode)) return "is not a socket";
  if ((directory.st_mode & kOthersMayWrite) != 0)
    return "lies in a directory where others can put sockets";
  if (directory.st_uid != 0 && socket.st_uid != directory.st_uid)
    return "belongs to another user than its directory";
  return {};
}

std::string_view objection_to_directory(const struct stat& directory, const struct stat& parent) {
  if (!S_ISDIR(directory.st_mode)) return "is not a directory";
  if ((parent.st_mode & kOthersMayWrite) != 0 && directory.st_uid == kOverflowUid)
    return "belongs to somebody whom this user namespace does not show";
  if (directory.st_uid != parent.st_uid) return "belongs to another user than the directory above";
  if ((parent.st_mode & kOthersMayWrite) != 0 && (parent.st_mode & S_ISVTX) == 0)
    return "lies in a directory where others can exchange it";
  return {};
}

bool is_roots(uid_t owner) {
  constexpr ino_t kInitialUserNamespaceInode = 0xEFFFFFFD;  // include/linux/proc_ns.h
  struct stat ours {};
  return owner == 0 || (owner == kOverflowUid && ::stat("/proc/self/ns/user", &ours) == 0 &&
                        ours.st_ino != kInitialUserNamespaceInode);
}

}  // namespace nvhook::files
