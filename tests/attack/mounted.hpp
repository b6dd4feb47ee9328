// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mount.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

namespace nvhook::test {

// A mount of the tests in their own mount namespace, as mount(2) makes it. Taken away with the
// object, with what lies over it.
class Mounted {
 public:
  Mounted(const std::string& source, std::filesystem::path at, const char* type,
          unsigned long flags = 0, const std::string& data = {})
      : at_(std::move(at)) {
    if (::mount(source.c_str(), at_.c_str(), type, flags, data.c_str()) == 0) return;
    std::perror(("mount " + at_.string()).c_str());
    std::abort();  // the scene cannot be made
  }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  ~Mounted() { ::umount2(at_.c_str(), MNT_DETACH); }

 private:
  std::filesystem::path at_;
};

}  // namespace nvhook::test
