// SPDX-License-Identifier: Apache-2.0
#include "nvhook/companion/service_manager.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

#include "nvhook/base/quote.hpp"

namespace nvhook::companion {
namespace {

constexpr int kFirstSocket = 3;  // SD_LISTEN_FDS_START
constexpr long kMostSockets = 16;

std::optional<long> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return {};
  long number = 0;
  const auto* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stop != end || stop == text) return {};
  return number;
}

std::string text_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? std::string() : text;
}

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> parts;
  while (!names.empty()) {
    const auto colon = names.find(':');
    parts.emplace_back(names.substr(0, colon));
    names = colon == names.npos ? std::string_view() : names.substr(colon + 1);
  }
  return parts;
}

// The family of a socket that listens; -1 if it is none.
int family_of(int fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return -1;
  int family = -1;
  size = sizeof family;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? family : -1;
}

bool prepare(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
         ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

}  // namespace

ServiceManager read_service_manager() {
  ServiceManager manager{.notify_socket = text_in("NOTIFY_SOCKET"),
                         .sockets = 0,
                         .names = text_in("LISTEN_FDNAMES"),
                         .watchdog = {}};
  if (number_in("LISTEN_PID") == ::getpid()) {
    const auto count = number_in("LISTEN_FDS").value_or(0);
    if (count > 0 && count <= kMostSockets) manager.sockets = static_cast<int>(count);
  }
  const auto interval = number_in("WATCHDOG_USEC").value_or(0);
  if (interval > 0 && number_in("WATCHDOG_PID").value_or(::getpid()) == ::getpid())
    manager.watchdog = std::chrono::microseconds(interval);
  return manager;
}

Result<Inherited> take_sockets(const ServiceManager& manager) {
  Inherited inherited;
  const auto names = split(manager.names);
  for (int i = 0; i < manager.sockets; ++i) {
    UniqueFd socket(kFirstSocket + i);
    const auto position = static_cast<std::size_t>(i);
    const auto name = position < names.size() ? names[position] : std::string();
    const int family = family_of(socket.get());
    const bool tcp = family == AF_INET || family == AF_INET6;
    const bool misnamed = (name == kRestName && !tcp) || (name == kPluginName && family != AF_UNIX);
    if ((!tcp && family != AF_UNIX) || misnamed || !prepare(socket.get()))
      return failure(ErrorId::Listen, "the socket " + quote(name) +
                                          " that was handed over is none that listens at TCP "
                                          "(named rest) or at a path (named plugin)");
    auto& place = tcp ? inherited.rest : inherited.plugin;
    if (place)
      return failure(ErrorId::Listen, std::string("two sockets were handed over for ") +
                                          (tcp ? "the REST API" : "the plugin") +
                                          ", and one can be served");
    place = std::move(socket);
  }
  return inherited;
}

Notifier::Notifier(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path ||
      (socket.front() != '/' && socket.front() != '@'))
    return;
  socket.copy(address.sun_path, socket.size());
  if (socket.front() == '@') address.sun_path[0] = '\0';  // an abstract one
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0)
    socket_ = std::move(fd);
}

void Notifier::tell(std::string_view state) const {
  if (!socket_) return;
  [[maybe_unused]] const auto sent =
      ::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::string monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return "MONOTONIC_USEC=" + std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace nvhook::companion
