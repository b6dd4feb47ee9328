// SPDX-License-Identifier: Apache-2.0
#include "directories.hpp"

#include <sys/stat.h>

namespace nvhook::companion {

void make_directories(const std::string& path, mode_t mode) {
  for (auto end = path.find('/', 1); end != path.npos; end = path.find('/', end + 1))
    ::mkdir(path.substr(0, end).c_str(), mode);
  ::mkdir(path.c_str(), mode);
}

}  // namespace nvhook::companion
