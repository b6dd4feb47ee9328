// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/companion/setup.hpp"

// Sockets that listen, and files about them.
namespace nvhook::companion {

// A non-blocking one of TCP. Fails with E_LISTEN: "listen tcp 127.0.0.1:3476: bind: address already
// in use", as the original has it.
[[nodiscard]] Result<UniqueFd> listen_at(const Endpoint& endpoint);

// The plugin's socket, which listens, and its file. The file is left to whoever calls remove().
class PluginSocket {
 public:
  // Makes the directory (mode 0700) with those above it, and the socket in it, for root alone.
  // A socket's file that nobody listens at any more is replaced if it is ours; anything else at its
  // name stays, and so does everything in a directory that others can change. Fails with E_LISTEN,
  // in the original's words where it would have failed, too.
  [[nodiscard]] static Result<PluginSocket> make(const std::string& directory);

  [[nodiscard]] int get() const { return socket_.get(); }
  // Takes the file away, if it is still the one that was made.
  void remove();

 private:
  UniqueFd directory_;
  UniqueFd socket_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// The file by which Docker finds a plugin: one line,
// "unix:///run/docker/plugins/nvidia-docker.sock".
class SpecFile {
 public:
  // Whole or not at all; makes the directory (mode 0755) with those above it. Fails with E_LISTEN.
  [[nodiscard]] static Result<SpecFile> write(const std::string& path,
                                              const std::string& socket_directory);

  // Takes it away, if it still says what was written.
  void remove();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string text_;
};

}  // namespace nvhook::companion
