// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "backoff.hpp"
#include "child.hpp"
#include "nvhook/companion/listen.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// The two sockets that are served, each with what has to be known to make it again elsewhere.
class RestSocket {
 public:
  void inherit(UniqueFd socket) {
    inherited_ = static_cast<bool>(socket), socket_ = std::move(socket);
  }
  // Listens where the setup says, in place of where it did. What is there stays if it fails.
  [[nodiscard]] Result<void> open(const Setup& setup);
  [[nodiscard]] bool is_for(const Setup& setup) const {
    return socket_ && (inherited_ || at_ == setup.endpoint);
  }
  void close() { socket_ = UniqueFd(), inherited_ = false; }
  [[nodiscard]] int get() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  bool inherited_ = false;
  Endpoint at_;
};

class VolumeSocket {
 public:
  void inherit(UniqueFd socket) { inherited_ = std::move(socket); }
  [[nodiscard]] Result<void> open(const Setup& setup);
  [[nodiscard]] bool is_for(const Setup& setup) const {
    return inherited_ || (made_ && directory_ == setup.socket_directory);
  }
  // Takes the file away, unless it is the service manager's.
  void close();
  [[nodiscard]] int get() const { return made_ ? made_->get() : inherited_.get(); }

 private:
  UniqueFd inherited_;
  std::optional<PluginSocket> made_;
  std::string directory_;
};

}  // namespace nvhook::companion
