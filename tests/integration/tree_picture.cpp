// SPDX-License-Identifier: Apache-2.0
#include "integration/tree_picture.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string_view>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

std::size_t hash_of_file(const fs::path& file, std::size_t size) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::string bytes(size, '\0');
  EXPECT_EQ(::read(fd.get(), bytes.data(), size), static_cast<ssize_t>(size)) << file;
  return std::hash<std::string_view>()(bytes);
}

std::string picture_of_one(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  char text[80];
  std::snprintf(text, sizeof text, "%o %u:%u", status.st_mode, status.st_uid, status.st_gid);
  std::string picture = text;
  if (S_ISLNK(status.st_mode)) return picture + " -> " + fs::read_symlink(path).string();
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
    return picture + " device " + std::to_string(status.st_rdev);
  if (!S_ISREG(status.st_mode)) return picture;
  const auto size = static_cast<std::size_t>(status.st_size);
  return picture + " " + std::to_string(size) + " bytes " +
         std::to_string(hash_of_file(path, size));
}

}  // namespace

TreePicture picture_of(const fs::path& top) {
  TreePicture picture = {{"/", picture_of_one(top)}};
  for (const auto& entry : fs::recursive_directory_iterator(top))
    picture.emplace("/" + entry.path().lexically_relative(top).string(),
                    picture_of_one(entry.path()));
  return picture;
}

std::vector<std::string> differences(const TreePicture& before, const TreePicture& after) {
  std::vector<std::string> lines;
  for (const auto& [name, was] : before) {
    const auto now = after.find(name);
    if (now == after.end())
      lines.push_back(name + " is gone, was " + was);
    else if (now->second != was)
      lines.push_back(name + " was " + was + ", is " + now->second);
  }
  for (const auto& [name, is] : after)
    if (!before.contains(name)) lines.push_back(name + " is new, " + is);
  return lines;
}

}  // namespace nvhook::test
