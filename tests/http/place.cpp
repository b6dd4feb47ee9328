// SPDX-License-Identifier: Apache-2.0
#include "http/place.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace nvhook::http::test {
namespace {

constexpr int kBacklog = 512;

struct Address {
  sockaddr_storage bytes{};
  socklen_t length = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
};

Address address_of(const Place& place) {
  Address address;
  if (place.family == Family::Tcp) {
    sockaddr_in tcp{};
    tcp.sin_family = AF_INET;
    tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tcp.sin_port = htons(place.port);
    address.length = sizeof(tcp);
    std::memcpy(&address.bytes, &tcp, sizeof(tcp));
  } else {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    std::memcpy(&local.sun_path[1], place.name.data(), place.name.size());
    address.length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + place.name.size());
    std::memcpy(&address.bytes, &local, sizeof(local));
  }
  return address;
}

UniqueFd socket_of(Family family) {
  return UniqueFd(::socket(family == Family::Tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0));
}

}  // namespace

UniqueFd listen_at_new(Family family, Place& place) {
  static int count = 0;
  place = {.family = family,
           .port = 0,
           .name = "nvhook-http-" + std::to_string(::getpid()) + "-" + std::to_string(++count)};
  auto socket = socket_of(family);
  auto address = address_of(place);
  if (::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), kBacklog) != 0)
    std::abort();  // the machine cannot run tests
  if (family == Family::Tcp) {
    sockaddr_in tcp{};
    socklen_t length = sizeof(tcp);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&tcp), &length);
    place.port = ntohs(tcp.sin_port);
  }
  return socket;
}

UniqueFd connect_to(const Place& place) {
  auto socket = socket_of(place.family);
  auto address = address_of(place);
  if (::connect(socket.get(), address.get(), address.length) != 0) return {};
  return socket;
}

}  // namespace nvhook::http::test
