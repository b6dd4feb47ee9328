// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/stage.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "file_system.hpp"
#include "nvhook/mount/mount.hpp"

namespace nvhook::mount {
namespace {

constexpr mode_t kPointMode = 0444;
constexpr mode_t kDirectoryMode = 0755;

Result<void> attach_at(int tree, int directory, const std::string& name) {
  if (::move_mount(tree, "", directory, name.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return system_failure(ErrorId::Kernel, "move_mount");
  return {};
}

Result<void> make_directory(int directory, const std::string& name) {
  if (::mkdirat(directory, name.c_str(), kDirectoryMode) != 0)
    return system_failure(ErrorId::Kernel, "mkdir");
  return {};
}

Result<UniqueFd> open_directory(int directory, const char* name) {
  UniqueFd fd(::openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_failure(ErrorId::Kernel, "open directory of the stage");
  return fd;
}

}  // namespace

Result<void> exchange_descriptor(int number, UniqueFd by) {
  if (::dup3(by.get(), number, O_CLOEXEC) < 0) return system_failure(ErrorId::Kernel, "dup3");
  return {};
}

Result<Stage> Stage::make() {
  // The namespace is a copy, whose mounts pass on to the originals what is mounted on them.
  if (::mount(nullptr, "/", nullptr, MS_PRIVATE, nullptr) != 0)
    return system_failure(ErrorId::Kernel, "mount (make / private)");
  auto top = make_file_system("tmpfs", std::array{Parameter{"mode", "0755"}});
  if (!top) return std::unexpected(std::move(top).error());
  if (auto done = attach_at(top->get(), AT_FDCWD, "/"); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = make_directory(top->get(), "empty"); !done)
    return std::unexpected(std::move(done).error());
  auto empty = open_directory(top->get(), "empty");
  if (!empty) return std::unexpected(std::move(empty).error());
  return Stage(std::move(*top), std::move(*empty));
}

Result<UniqueFd> Stage::overlay(int directory, int fd_directory) {
  if (::fchdir(fd_directory) != 0)
    return system_failure(ErrorId::Kernel, "fchdir to /proc/self/fd");
  // Without an upper layer two lower ones are due at least. Inode numbers stay the file's own.
  const auto layers = std::to_string(directory) + ":" + std::to_string(empty_.get());
  auto tree = make_file_system(
      "overlay", std::array{Parameter{"lowerdir", layers.c_str()}, Parameter{"xino", "off"}});
  if (!tree) return tree;
  // Parts of a detached mount can be cloned since Linux 6.15 only.
  const auto at = std::to_string(overlays_++);
  if (auto done = make_directory(directory_.get(), at); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = attach_at(tree->get(), directory_.get(), at); !done)
    return std::unexpected(std::move(done).error());
  return tree;
}

namespace {

Result<void> set_out(std::span<const int> trees, const Stage& stage) {
  for (const int tree : trees) {
    const auto name = std::to_string(tree);
    struct stat status {};
    if (::fstat(tree, &status) != 0) return system_failure(ErrorId::Kernel, "stat");
    if (S_ISDIR(status.st_mode)) {
      if (auto done = make_directory(stage.directory(), name); !done) return done;
    } else if (::mknodat(stage.directory(), name.c_str(), S_IFREG | kPointMode, 0) != 0) {
      return system_failure(ErrorId::Kernel, "make file of the stage");
    }
    if (auto done = attach_at(tree, stage.directory(), name); !done) return done;
  }
  return {};
}

}  // namespace

Result<void> lock(std::span<const int> trees, int user_namespace) {
  return in_private_namespace([&]() -> Result<void> {
    const auto stage = Stage::make();
    if (!stage) return std::unexpected(Error(stage.error()));
    if (auto done = set_out(trees, *stage); !done) return done;
    // The working directory moves along into the copy.
    if (::fchdir(stage->directory()) != 0) return system_failure(ErrorId::Kernel, "fchdir");
    if (::setns(user_namespace, CLONE_NEWUSER) != 0)
      return system_failure(ErrorId::Kernel, "setns to the container's user namespace");
    if (::unshare(CLONE_NEWNS) != 0)
      return system_failure(ErrorId::Kernel, "unshare in the container's user namespace");
    const auto copy = open_directory(AT_FDCWD, ".");
    if (!copy) return std::unexpected(Error(copy.error()));
    for (const int tree : trees) {
      auto locked = clone_at(copy->get(), std::to_string(tree));
      if (!locked) return std::unexpected(std::move(locked).error());
      if (auto done = exchange_descriptor(tree, std::move(*locked)); !done) return done;
    }
    return {};
  });
}

}  // namespace nvhook::mount
