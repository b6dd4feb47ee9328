// SPDX-License-Identifier: Apache-2.0
#include "attack/special_files.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

int make_socket(const std::string& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  path.copy(address.sun_path, path.size());
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
}

}  // namespace

const std::vector<Thing>& special_files() {
  static const std::vector<Thing> kThings = {
      {"a fifo", [](const auto& at) { return ::mkfifo(at.c_str(), 0666); }},
      {"a socket", make_socket},
      {"a block device",
       [](const auto& at) { return ::mknod(at.c_str(), S_IFBLK | 0666, makedev(195, 0)); }},
      {"another device",
       [](const auto& at) { return ::mknod(at.c_str(), S_IFCHR | 0666, makedev(1, 3)); }},
      {"a whiteout", [](const auto& at) { return ::mknod(at.c_str(), S_IFCHR, makedev(0, 0)); }},
  };
  return kThings;
}

}  // namespace nvhook::test
