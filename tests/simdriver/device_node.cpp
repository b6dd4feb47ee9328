// SPDX-License-Identifier: Apache-2.0
#include "device_node.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace simdriver {

Access access_to(const char* node) {
  const int fd = ::open(node, O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
    return Access::Allowed;
  }
  if (errno == ENXIO || errno == ENODEV) return Access::Allowed;
  return errno == EPERM || errno == EACCES ? Access::Denied : Access::Missing;
}

Access access_to_gpu(unsigned minor) {
  char node[32];
  std::snprintf(node, sizeof node, "/dev/nvidia%u", minor);
  return access_to(node);
}

}  // namespace simdriver
