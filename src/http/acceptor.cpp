// SPDX-License-Identifier: Apache-2.0
#include "http/acceptor.hpp"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace nvhook::http {
namespace {

UniqueFd copy_of(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// Source: unix(7), SO_PEERCRED.
bool is_of(int socket, uid_t user) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == user;
}

bool listens(int socket) {
  int accepts = 0;
  socklen_t length = sizeof(accepts);
  return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 && accepts != 0;
}

}  // namespace

Result<Acceptor> Acceptor::on(UniqueFd listening, std::optional<uid_t> only_user) {
  const int flags = ::fcntl(listening.get(), F_GETFL);
  if (flags < 0 || ::fcntl(listening.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return system_failure(ErrorId::Kernel, "make the listening socket non-blocking");
  // Where nobody can connect there is no end of what epoll has to tell.
  if (!listens(listening.get()))
    return failure(ErrorId::Kernel, "the socket to serve on does not listen");
  auto reserve = copy_of(listening.get());
  if (!reserve) return system_failure(ErrorId::Kernel, "keep a descriptor in reserve");
  return Acceptor(std::move(listening), std::move(reserve), only_user);
}

std::expected<Peer, Acceptor::Nothing> Acceptor::next() {
  Peer peer;
  peer.length = sizeof(peer.address);
  peer.socket = UniqueFd(::accept4(listening_.get(), reinterpret_cast<sockaddr*>(&peer.address),
                                   &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (peer.socket) {
    if (only_user_ && !is_of(peer.socket.get(), *only_user_))
      return std::unexpected(Nothing::OtherUser);
    return peer;
  }
  const bool short_of = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  return std::unexpected(short_of ? Nothing::Descriptors : Nothing::Waits);
}

void Acceptor::turn_away() {
  reserve_ = UniqueFd();
  UniqueFd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  reserve_ = copy_of(listening_.get());
}

}  // namespace nvhook::http
