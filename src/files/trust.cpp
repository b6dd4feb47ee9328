// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/trust.hpp"

namespace nvhook::files {
namespace {

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;

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
  if (directory.st_uid != parent.st_uid) return "belongs to another user than the directory above";
  if ((parent.st_mode & kOthersMayWrite) != 0 && (parent.st_mode & S_ISVTX) == 0)
    return "lies in a directory where others can exchange it";
  return {};
}

}  // namespace nvhook::files
