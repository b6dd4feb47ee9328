// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string_view>

namespace nvhook::test {

// A FUSE file system that shows a directory tree of this machine, served by a process of its own,
// which can be told to keep silent about some names for ever. It can do what a hook does in a root
// file system: look up, make files, directories and links, rename, remove, read. Ends with the
// object, whoever waits for it then gets an error. Needs root and /dev/fuse.
class FuseMirror {
 public:
  using Silent = std::function<bool(std::string_view name)>;
  static bool about_nothing(std::string_view /*name*/) { return false; }

  // Mounts it at `point`, in this process's mount namespace.
  FuseMirror(const std::filesystem::path& tree, std::filesystem::path point,
             const Silent& silent = about_nothing);
  FuseMirror(const FuseMirror&) = delete;
  FuseMirror& operator=(const FuseMirror&) = delete;
  ~FuseMirror();

 private:
  std::filesystem::path point_;
  pid_t server_ = -1;
};

}  // namespace nvhook::test
