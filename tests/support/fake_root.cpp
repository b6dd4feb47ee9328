// SPDX-License-Identifier: Apache-2.0
#include "support/fake_root.hpp"

#include <fcntl.h>
#include <stdlib.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace nvhook::test {

FakeRoot::FakeRoot() {
  std::string pattern = std::filesystem::temp_directory_path() / "nvhook-test-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();  // no place for tests at all
  top_ = std::filesystem::canonical(pattern);
  std::filesystem::permissions(top_, std::filesystem::perms{0755});
  fd_ = UniqueFd(::open(top_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

FakeRoot::~FakeRoot() {
  std::error_code ignored;
  std::filesystem::remove_all(top_, ignored);
}

FakeRoot& FakeRoot::directory(std::string_view path) {
  std::filesystem::create_directories(on_disk(path));
  return *this;
}

FakeRoot& FakeRoot::file(std::string_view path, std::string_view content) {
  const auto where = on_disk(path);
  std::filesystem::create_directories(where.parent_path());
  std::ofstream(where, std::ios::binary) << content;
  std::filesystem::permissions(where, std::filesystem::perms{0644});
  return *this;
}

FakeRoot& FakeRoot::symlink(std::string_view path, std::string_view target) {
  const auto where = on_disk(path);
  std::filesystem::create_directories(where.parent_path());
  std::filesystem::create_symlink(target, where);
  return *this;
}

std::filesystem::path FakeRoot::on_disk(std::string_view path) const {
  return path == "/" ? top_ : top_ / std::filesystem::path(path).relative_path();
}

}  // namespace nvhook::test
