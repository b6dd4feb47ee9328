// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

// A throw-away directory tree that stands in for "/" of a host or a container. Paths are given as
// they look inside it ("/usr/lib/x"); parents are made as needed. Removed with the object.
class FakeRoot {
 public:
  FakeRoot();
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot();

  FakeRoot& directory(std::string_view path);
  FakeRoot& file(std::string_view path, std::string_view content = {});
  FakeRoot& symlink(std::string_view path, std::string_view target);

  // An O_PATH descriptor of the root, borrowed.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Where `path` lies on the real file system.
  [[nodiscard]] std::filesystem::path on_disk(std::string_view path = "/") const;

 private:
  std::filesystem::path top_;
  UniqueFd fd_;
};

}  // namespace nvhook::test
