// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "nvhook/litter/sweep.hpp"
#include "support/fake_root.hpp"

namespace nvhook::litter {

// What a file took the place of, if it was a file of whoever runs the tests, or a link.
inline record::Former plain_file(std::uint32_t mode) {
  return {.link_text = {}, .mode = mode, .owner = ::geteuid(), .group = ::getegid()};
}
inline record::Former link_to(std::string text) {
  record::Former former;
  former.link_text = std::move(text);
  return former;
}

// The root of a dead container, and the record of what was made in it.
class Remains {
 public:
  test::FakeRoot root;
  record::Record record;
  std::optional<std::string> former;

  Remains() { record.hook = 4700; }

  [[nodiscard]] std::string path(std::string_view inside) const {
    return root.on_disk(inside).string();
  }

  record::Object& note(record::ObjectKind kind, const std::string& at) {
    return record.objects.emplace_back(record::Object{.kind = kind, .path = {at}});
  }

  // An empty file to mount on, as a hook makes it, and its object.
  record::Object& placeholder(const std::string& at) {
    root.file(at);
    std::filesystem::permissions(root.on_disk(at), std::filesystem::perms{0444});
    auto& object = note(record::ObjectKind::Mount, at);
    object.inode = inode(at);
    return object;
  }

  record::Object& directory(const std::string& at) {
    root.directory(at);
    auto& object = note(record::ObjectKind::Directory, at);
    object.inode = inode(at);
    return object;
  }

  record::Object& link(const std::string& at, const std::string& text,
                       std::optional<std::string> replaces = std::nullopt) {
    root.symlink(at, text);
    auto& object = note(record::ObjectKind::Link, at);
    object.text = text;
    object.replaces = std::move(replaces);
    object.inode = inode(at);
    return object;
  }

  record::Object& file(const std::string& at, const std::string& bytes) {
    root.file(at, bytes);
    auto& object = note(record::ObjectKind::File, at);
    object.content = record::Fingerprint{bytes.size(), record::hash_of(bytes)};
    object.inode = inode(at);
    return object;
  }

  [[nodiscard]] struct stat status(std::string_view at) const {
    struct stat status {};
    ::lstat(path(at).c_str(), &status);
    return status;
  }
  [[nodiscard]] std::uint64_t inode(std::string_view at) const { return status(at).st_ino; }
  [[nodiscard]] bool stands(std::string_view at) const { return status(at).st_ino != 0; }
  [[nodiscard]] std::string content(std::string_view at) const {
    std::ostringstream text;
    text << std::ifstream(path(at)).rdbuf();
    return text.str();
  }

  // Of whatever stands here or elsewhere: each name with what it is. Equal means untouched.
  [[nodiscard]] static std::vector<std::string> names_below(const std::filesystem::path& top) {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top)) {
      struct stat status {};
      ::lstat(entry.path().c_str(), &status);
      std::ostringstream line;
      line << entry.path().string() << ' ' << status.st_ino << ' ' << status.st_mode << ' '
           << status.st_size;
      if (entry.is_symlink()) line << " -> " << std::filesystem::read_symlink(entry).string();
      lines.push_back(line.str());
    }
    std::ranges::sort(lines);
    return lines;
  }
  [[nodiscard]] std::vector<std::string> names() const { return names_below(root.on_disk()); }

  // In the mount namespace of now, which root's own descriptor may not be of.
  [[nodiscard]] Result<Swept> try_sweep() const {
    const UniqueFd top(::open(path("/").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return sweep(top.get(), record, former);
  }

  // What was swept, as "2 taken" and then the paths that are left.
  [[nodiscard]] std::vector<std::string> swept() const {
    const auto done = try_sweep();
    if (!done) return {done.error().text()};
    std::vector<std::string> said = {std::to_string(done->taken) + " taken"};
    for (const auto& left : done->left) said.push_back(left.value);
    return said;
  }
};

}  // namespace nvhook::litter
