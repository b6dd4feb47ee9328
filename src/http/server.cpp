// SPDX-License-Identifier: Apache-2.0
#include "nvhook/http/server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <span>
#include <utility>

#include "http/inside.hpp"

namespace nvhook::http {
namespace {

constexpr unsigned kAcceptsPerTurn = 16;  // so that those who are in are served, too
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{50};
// Of each connection, for a head, its fields and an answer's headers.
constexpr std::size_t kMemoryPerConnection = std::size_t{32} * 1024;

// What libmicrohttpd would do with a target: nothing, it is taken as it came.
std::size_t leave_escaped(void*, MHD_Connection*, char* text) {
  return std::string_view(text).size();
}

}  // namespace

Server::Inside::~Inside() {
  if (daemon_ == nullptr) return;
  ending_ = true;
  // libmicrohttpd must not be stopped while a request is suspended.
  connections_.each_living([&](Connection& connection) { cut(connection); });
  MHD_run(daemon_.get());
}

Result<void> Server::Inside::begin(UniqueFd listening) {
  auto acceptor = Acceptor::on(std::move(listening), rules_.only_user);
  if (!acceptor) return std::unexpected(std::move(acceptor).error());
  acceptor_ = std::move(*acceptor);
  ::tzset();  // a first Date would have the time zone's file read, which later may be forbidden
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return system_failure(ErrorId::Kernel, "epoll_create1");

  // Our own limits come first: a connection that is cut counts until libmicrohttpd has noticed.
  const unsigned room = rules_.max_connections + 2 * kAcceptsPerTurn;
  daemon_.reset(MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr,
      &on_request, this, MHD_OPTION_URI_LOG_CALLBACK, &on_target, this,
      MHD_OPTION_UNESCAPE_CALLBACK, &leave_escaped, nullptr, MHD_OPTION_NOTIFY_COMPLETED,
      &on_completed, this, MHD_OPTION_NOTIFY_CONNECTION, &on_connection, this,
      MHD_OPTION_CONNECTION_LIMIT, room, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kMemoryPerConnection,
      MHD_OPTION_END));
  if (daemon_ == nullptr) return system_failure(ErrorId::Kernel, "start libmicrohttpd");
  const auto* info = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD);
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (info == nullptr || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, info->epoll_fd, &event) != 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, acceptor_->fd(), &event) != 0)
    return system_failure(ErrorId::Kernel, "watch the sockets: epoll_ctl");
  watching_ = true;
  return {};
}

std::optional<std::chrono::milliseconds> Server::Inside::timeout() const {
  if (resumed_) return std::chrono::milliseconds{0};
  MHD_UNSIGNED_LONG_LONG pending = 0;
  if (MHD_get_timeout(daemon_.get(), &pending) == MHD_YES && pending == 0)
    return std::chrono::milliseconds{0};
  auto next = connections_.next_deadline();
  if (acceptor_ && pause_until_ && (!next || *pause_until_ < *next)) next = pause_until_;
  if (!next) return std::nullopt;
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()),
                  std::chrono::milliseconds{0});
}

void Server::Inside::run() {
  // What was due before this turn, so that whoever sent in time is heard, however long the handler
  // took with another.
  const auto now = Clock::now();
  resumed_ = false;
  if (pause_until_ && *pause_until_ <= now) pause_until_.reset();
  cut_departed();
  MHD_run(daemon_.get());
  cut_overdue(now);
  accept_some(now);
  watch_listening();
}

void Server::Inside::answer(Ticket ticket, Response response) {
  auto* connection = connections_.with_ticket(ticket);
  if (connection == nullptr || connection->cut || connection->answer) return;
  connection->answer = std::move(response);
  resume(*connection);
}

void Server::Inside::stop_accepting() {
  stopping_ = true;
  // By hand: as long as somebody else has the listening socket, its end here does not do it.
  if (acceptor_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, acceptor_->fd(), nullptr);
  acceptor_.reset();
  connections_.each_living([&](Connection& connection) {
    if (connection.stage == Stage::Request) cut(connection);
  });
}

bool Server::Inside::idle() const {
  return !connections_.any(Stage::Answer) && !connections_.any(Stage::Reading);
}

void Server::Inside::accept_some(Clock::time_point turn) {
  if (!acceptor_ || pause_until_) return;
  for (unsigned count = 0; count < kAcceptsPerTurn; ++count) {
    auto* slowest = connections_.slowest_client();
    // Who came in this turn may have sent a request already, that nobody has looked at.
    const bool too_early = slowest != nullptr && slowest->since >= turn;
    const bool full = connections_.living() >= rules_.max_connections;
    if (full && (slowest == nullptr || too_early)) return;
    auto peer = acceptor_->next();
    if (peer) {
      if (full) evict(*slowest);
      admit(std::move(*peer));
      continue;
    }
    switch (peer.error()) {
      case Acceptor::Nothing::Waits:
        return;
      case Acceptor::Nothing::OtherUser:
        ++counters_.turned_away;
        break;
      case Acceptor::Nothing::Descriptors:
        if (slowest == nullptr) return turn_away(turn);
        if (!too_early) evict(*slowest);  // its descriptor is free in the next turn
        return;
    }
  }
}

void Server::Inside::turn_away(Clock::time_point turn) {
  ++counters_.turned_away;
  acceptor_->turn_away();
  pause_until_ = turn + kPauseWithoutDescriptors;
}

void Server::Inside::admit(Peer peer) {
  ++counters_.accepted;
  // It owns the socket from here on, whatever it answers.
  MHD_add_connection(daemon_.get(), peer.socket.release(),
                     reinterpret_cast<const sockaddr*>(&peer.address), peer.length);
}

void Server::Inside::evict(Connection& connection) {
  ++counters_.evicted;
  cut(connection);
}

// libmicrohttpd has no call to close a connection: it sees the end of a socket that is shut down,
// and asks again about a request that is resumed.
void Server::Inside::cut(Connection& connection) {
  connection.cut = true;
  if (connection.suspended) {
    if (!connection.answer) resume(connection);
  } else {
    ::shutdown(connection.socket, SHUT_RDWR);
  }
}

// libmicrohttpd does not look at its socket meanwhile. If we cannot either, its time ends it.
void Server::Inside::suspend(Connection& connection) {
  connection.enter(Stage::Answer, Clock::now());
  connection.suspended = true;
  MHD_suspend_connection(connection.handle);
  epoll_event event{.events = EPOLLRDHUP, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.socket, &event);
}

// To libmicrohttpd it is news in its next turn only.
void Server::Inside::resume(Connection& connection) {
  resumed_ = true;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.socket, nullptr);
  MHD_resume_connection(connection.handle);
}

// Those who wait for an answer that they will not read.
void Server::Inside::cut_departed() {
  if (!connections_.any(Stage::Answer)) return;
  std::array<epoll_event, 16> events{};  // the rest in the next turn
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  for (const auto& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0))))
    if (event.data.ptr != nullptr) cut(*static_cast<Connection*>(event.data.ptr));
}

void Server::Inside::cut_overdue(Clock::time_point now) {
  connections_.each_living([&](Connection& connection) {
    if (connections_.deadline(connection) > now) return;
    ++counters_.timed_out;
    cut(connection);
  });
}

void Server::Inside::watch_listening() {
  if (!acceptor_) return;
  const bool room =
      connections_.living() < rules_.max_connections || connections_.slowest_client() != nullptr;
  const bool wanted = room && !pause_until_;
  if (wanted == watching_) return;
  epoll_event event{.events = wanted ? std::uint32_t{EPOLLIN} : 0U, .data = {}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, acceptor_->fd(), &event) == 0) watching_ = wanted;
}

Result<Server> Server::start(UniqueFd listening, Rules rules, Handler handler) {
  auto inside = std::make_unique<Inside>(std::move(rules), std::move(handler));
  auto begun = inside->begin(std::move(listening));
  if (!begun) return failed_to("serve HTTP", std::move(begun));
  return Server(std::move(inside));
}

Server::Server(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

int Server::poll_fd() const { return inside_->poll_fd(); }
std::optional<std::chrono::milliseconds> Server::timeout() const { return inside_->timeout(); }
void Server::run() { inside_->run(); }
void Server::answer(Ticket ticket, Response response) {
  inside_->answer(ticket, std::move(response));
}
void Server::stop_accepting() { inside_->stop_accepting(); }
bool Server::idle() const { return inside_->idle(); }
std::size_t Server::connections() const { return inside_->connections(); }
Counters Server::counters() const { return inside_->counters(); }

}  // namespace nvhook::http
