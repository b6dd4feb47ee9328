// SPDX-License-Identifier: Apache-2.0
#include "device_node.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "description.hpp"

namespace simdriver {

namespace {

Access open_node(const char* node) {
  const int fd = ::open(node, O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
    return Access::Allowed;
  }
  if (errno == ENXIO || errno == ENODEV) return Access::Allowed;
  return errno == EPERM || errno == EACCES ? Access::Denied : Access::Missing;
}

}  // namespace

Access access_to(const char* node) {
  const auto access = open_node(node);
  if (access != Access::Missing) return access;
  // On the host the nodes are in the driver's own tree, which may lie in somebody's closed
  // directory. A container has no such path.
  const auto tree = root();
  if (tree.empty()) return access;
  char path[512];
  const auto size = static_cast<int>(tree.size());
  std::snprintf(path, sizeof path, "%.*s/.", size, tree.data());
  if (::access(path, F_OK) != 0) return errno == EACCES ? Access::Allowed : Access::Missing;
  std::snprintf(path, sizeof path, "%.*s%s", size, tree.data(), node);
  return open_node(path);
}

Access access_to_gpu(unsigned minor) {
  char node[32];
  std::snprintf(node, sizeof node, "/dev/nvidia%u", minor);
  return access_to(node);
}

}  // namespace simdriver
