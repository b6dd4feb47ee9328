// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "nvhook/companion/listen.hpp"
#include "nvhook/companion/original.hpp"

namespace nvhook::companion {
namespace {

constexpr int kBacklog = 128;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress address_of(const config::Address& address) {
  SocketAddress result;
  if (address.six) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.host.c_str(), &six.sin6_addr);
    std::memcpy(&result.storage, &six, sizeof six);
    result.size = sizeof six;
    return result;
  }
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.host.c_str(), &four.sin_addr);
  std::memcpy(&result.storage, &four, sizeof four);
  result.size = sizeof four;
  return result;
}

// "127.0.0.1:3476", ":3476": the original says where it came to listen, not what it was told.
std::string shown(const Endpoint& endpoint) {
  const auto port = ":" + std::to_string(endpoint.address.port);
  if (endpoint.both) return port;
  return (endpoint.address.six ? "[" + endpoint.address.host + "]" : endpoint.address.host) + port;
}

std::unexpected<Error> refused(const Endpoint& endpoint, const char* call) {
  const int error = errno;
  return failure(ErrorId::Listen,
                 "listen tcp " + shown(endpoint) + ": " + call + ": " + original::words_of(error));
}

bool set(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// A host without IPv6 has all of its addresses in IPv4.
Endpoint without_six(Endpoint endpoint) {
  endpoint.address.host = "0.0.0.0";
  endpoint.address.six = false;
  return endpoint;
}

}  // namespace

Result<UniqueFd> listen_at(const Endpoint& endpoint) {
  const bool six = endpoint.address.six;
  UniqueFd fd(::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd && errno == EAFNOSUPPORT && endpoint.both) return listen_at(without_six(endpoint));
  if (!fd) return refused(endpoint, "socket");
  if (!set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) ||
      (six && !set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, endpoint.both ? 0 : 1)))
    return refused(endpoint, "setsockopt");
  const auto address = address_of(endpoint.address);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0)
    return refused(endpoint, "bind");
  if (::listen(fd.get(), kBacklog) != 0) return refused(endpoint, "listen");
  return fd;
}

}  // namespace nvhook::companion
