// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <expected>
#include <optional>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::http {

struct Peer {
  UniqueFd socket;  // non-blocking
  sockaddr_storage address{};
  socklen_t length = 0;
};

// Takes connections off a listening socket.
class Acceptor {
 public:
  enum class Nothing {
    Waits,        // nobody, or one who went away again
    OtherUser,    // closed: not the user who may
    Descriptors,  // somebody, but there is no descriptor left
  };

  // Fails with E_KERNEL.
  [[nodiscard]] static Result<Acceptor> on(UniqueFd listening, std::optional<uid_t> only_user);

  [[nodiscard]] int fd() const { return listening_.get(); }
  [[nodiscard]] std::expected<Peer, Nothing> next();

  // Of whoever is next in line although there is no descriptor left: accepted on the one that is
  // kept for this, and closed. Otherwise the listening socket would stay readable for ever.
  void turn_away();

 private:
  Acceptor(UniqueFd listening, UniqueFd reserve, std::optional<uid_t> only_user)
      : listening_(std::move(listening)), reserve_(std::move(reserve)), only_user_(only_user) {}

  UniqueFd listening_;
  UniqueFd reserve_;
  std::optional<uid_t> only_user_;
};

}  // namespace nvhook::http
