// SPDX-License-Identifier: Apache-2.0
#include "nvhook/http/server.hpp"

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "http/acceptor.hpp"
#include "http/connections.hpp"
#include "http/head.hpp"
#include "http/reply.hpp"

namespace nvhook::http {
namespace {

constexpr unsigned kAcceptsPerTurn = 16;      // so that those who are in are served, too
constexpr unsigned kRequestsPerClient = 100;  // on one connection, then it is closed
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{50};
// Of each connection, for a head, its fields and an answer's headers.
constexpr std::size_t kMemoryPerConnection = std::size_t{32} * 1024;

struct StopDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

Method method_of(std::string_view name) {
  if (name == "POST") return Method::Post;
  return name == "HEAD" ? Method::Head : Method::Get;
}

Request request_of(const Connection& connection, std::string_view method) {
  const std::string_view target = connection.target;
  const auto mark = target.find('?');
  const char* accept =
      MHD_lookup_connection_value(connection.handle, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
  return {.method = method_of(method),
          .path = target.substr(0, mark),
          .query = mark == std::string_view::npos ? "" : target.substr(mark + 1),
          .accept = accept == nullptr ? "" : accept,
          .body = connection.body};
}

Response explained(const Refusal& refusal) {
  if (refusal.status == 404) return not_found();
  return text_response(refusal.status, std::string(refusal.why) + "\n");
}

// What libmicrohttpd would do with a target: nothing, it is taken as it came.
std::size_t leave_escaped(void*, MHD_Connection*, char* text) {
  return std::string_view(text).size();
}

}  // namespace

class Server::Inside {
 public:
  Inside(Rules rules, Handler handler)
      : rules_(std::move(rules)), handler_(std::move(handler)), connections_(rules_) {}
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside();

  [[nodiscard]] Result<void> begin(UniqueFd listening);
  [[nodiscard]] int poll_fd() const { return epoll_.get(); }
  [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const;
  void run();
  void answer(Ticket ticket, Response response);
  void stop_accepting();
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t connections() const { return connections_.living(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  // Called by libmicrohttpd, with `self` as the closure that it was given.
  static void* on_target(void* self, const char* target, MHD_Connection* handle) noexcept;
  static MHD_Result on_request(void* self, MHD_Connection* handle, const char* url,
                               const char* method, const char* version, const char* data,
                               std::size_t* bytes, void** context) noexcept;
  static void on_completed(void* self, MHD_Connection* handle, void** context,
                           MHD_RequestTerminationCode) noexcept;
  static void on_connection(void* self, MHD_Connection* handle, void** context,
                            MHD_ConnectionNotificationCode code) noexcept;

  [[nodiscard]] MHD_Result take_head(Connection& connection, std::string_view method,
                                     std::string_view version);
  [[nodiscard]] MHD_Result take_body(Connection& connection, std::string_view data);
  [[nodiscard]] MHD_Result take_request(Connection& connection, std::string_view method);
  [[nodiscard]] MHD_Result send(Connection& connection, Method method, const Response& response,
                                After after);
  [[nodiscard]] After after_answer_of(const Connection& connection) const;

  void accept_some(Clock::time_point turn);  // which began then
  void admit(Peer peer);
  bool evict();
  void cut(Connection& connection);
  void cut_overdue(Clock::time_point now);
  void watch_listening(Clock::time_point now);

  Rules rules_;
  Handler handler_;
  Counters counters_;
  Connections connections_;
  Head head_;  // of whatever request is looked at, kept for its memory
  Ticket last_ticket_ = 0;
  bool stopping_ = false;  // as soon as may be
  bool ending_ = false;    // at once
  UniqueFd epoll_;         // of the listening socket and libmicrohttpd's own epoll
  std::optional<Acceptor> acceptor_;
  bool watching_ = false;  // for new connections
  Clock::time_point pause_until_;
  std::unique_ptr<MHD_Daemon, StopDaemon> daemon_;  // last: its end calls back
};

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
  MHD_UNSIGNED_LONG_LONG pending = 0;
  if (MHD_get_timeout(daemon_.get(), &pending) == MHD_YES && pending == 0)
    return std::chrono::milliseconds{0};
  auto next = connections_.next_deadline();
  if (acceptor_ && !watching_ && pause_until_ != Clock::time_point{} &&
      (!next || pause_until_ < *next))
    next = pause_until_;
  if (!next) return std::nullopt;
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()),
                  std::chrono::milliseconds{0});
}

void Server::Inside::run() {
  const auto now = Clock::now();
  cut_overdue(now);
  MHD_run(daemon_.get());
  accept_some(now);
  watch_listening(Clock::now());
}

void Server::Inside::answer(Ticket ticket, Response response) {
  auto* connection = connections_.with_ticket(ticket);
  if (connection == nullptr || connection->cut || connection->answer) return;
  connection->answer = std::move(response);
  MHD_resume_connection(connection->handle);
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

void* Server::Inside::on_target(void* self, const char* target, MHD_Connection* handle) noexcept {
  auto& server = *static_cast<Inside*>(self);
  const auto* info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  auto& connection = *static_cast<Connection*>(info->socket_context);
  if (target != nullptr) connection.target = target;
  // libmicrohttpd will look for parameters now. Those that its memory has no room for it answers
  // with an error, then forgets that and waits for headers which it cannot read.
  if (std::ranges::count(connection.target, '&') > kMaxParameters) {
    ++server.counters_.refused;
    server.cut(connection);
  }
  return &connection;
}

MHD_Result Server::Inside::on_request(void* self, MHD_Connection*, const char*, const char* method,
                                      const char* version, const char* data, std::size_t* bytes,
                                      void** context) noexcept {
  auto& server = *static_cast<Inside*>(self);
  auto& connection = *static_cast<Connection*>(*context);
  if (server.ending_ || connection.cut) return MHD_NO;
  if (!connection.has_head) return server.take_head(connection, method, version);
  if (*bytes == 0) return server.take_request(connection, method);
  return server.take_body(connection, {data, std::exchange(*bytes, 0)});
}

void Server::Inside::on_completed(void* self, MHD_Connection*, void** context,
                                  MHD_RequestTerminationCode) noexcept {
  auto& server = *static_cast<Inside*>(self);
  if (*context == nullptr) return;
  auto& connection = *static_cast<Connection*>(*context);
  connection.forget_request();
  connection.enter(Stage::Request, Clock::now());
  if (server.stopping_) server.cut(connection);
}

void Server::Inside::on_connection(void* self, MHD_Connection* handle, void** context,
                                   MHD_ConnectionNotificationCode code) noexcept {
  auto& server = *static_cast<Inside*>(self);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const auto* info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = &server.connections_.add(handle, info->connect_fd, Clock::now());
  } else {
    server.connections_.remove(*static_cast<Connection*>(*context));
    *context = nullptr;
  }
}

MHD_Result Server::Inside::take_head(Connection& connection, std::string_view method,
                                     std::string_view version) {
  connection.has_head = true;
  ++connection.requests;
  head_.method = method;
  head_.target = connection.target;
  head_.version = version;
  head_.fields.clear();
  const auto* info =
      MHD_get_connection_info(connection.handle, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  head_.size = info == nullptr ? 0 : info->header_size;
  MHD_get_connection_values_n(
      connection.handle, MHD_HEADER_KIND,
      [](void* fields, MHD_ValueKind, const char* name, std::size_t name_size, const char* value,
         std::size_t value_size) noexcept {
        static_cast<std::vector<Field>*>(fields)->push_back(
            {{name, name_size}, value == nullptr ? "" : std::string_view(value, value_size)});
        return MHD_YES;
      },
      &head_.fields);

  const auto refusal = refusal_of(head_, rules_);
  if (!refusal) return MHD_YES;
  ++counters_.refused;
  return send(connection, method_of(method), explained(*refusal), After::Close);
}

MHD_Result Server::Inside::take_body(Connection& connection, std::string_view data) {
  if (data.size() > rules_.max_body - connection.body.size()) return MHD_NO;  // not as announced
  connection.body += data;
  return MHD_YES;
}

MHD_Result Server::Inside::take_request(Connection& connection, std::string_view method) {
  if (connection.suspended) {
    connection.suspended = false;
    const auto answer = std::exchange(connection.answer, std::nullopt);
    if (!answer) return MHD_NO;
    return send(connection, method_of(method), *answer, after_answer_of(connection));
  }
  ++counters_.requests;
  connection.ticket = ++last_ticket_;
  const auto answer = handler_(request_of(connection, method), connection.ticket);
  if (answer) return send(connection, method_of(method), *answer, after_answer_of(connection));
  connection.enter(Stage::Answer, Clock::now());
  connection.suspended = true;
  MHD_suspend_connection(connection.handle);
  return MHD_YES;
}

MHD_Result Server::Inside::send(Connection& connection, Method method, const Response& response,
                                After after) {
  connection.enter(Stage::Reading, Clock::now());
  const auto reply = make_reply(response, method, after);
  if (reply == nullptr) return MHD_NO;
  return MHD_queue_response(connection.handle, static_cast<unsigned>(response.status), reply.get());
}

After Server::Inside::after_answer_of(const Connection& connection) const {
  return stopping_ || connection.requests >= kRequestsPerClient ? After::Close : After::KeepOpen;
}

void Server::Inside::accept_some(Clock::time_point turn) {
  if (!acceptor_ || turn < pause_until_) return;
  for (unsigned count = 0; count < kAcceptsPerTurn; ++count) {
    const bool full = connections_.living() >= rules_.max_connections;
    const auto* slowest = full ? connections_.slowest_client() : nullptr;
    // Who came in this turn may have sent a request already, that nobody has looked at.
    if (full && (slowest == nullptr || slowest->since >= turn)) return;
    auto peer = acceptor_->next();
    if (peer) {
      if (full) evict();
      admit(std::move(*peer));
    } else if (peer.error() == Acceptor::Nothing::OtherUser) {
      ++counters_.turned_away;
    } else if (peer.error() == Acceptor::Nothing::Descriptors) {
      if (evict()) return;  // there will be one in the next turn
      ++counters_.turned_away;
      acceptor_->turn_away();
      pause_until_ = turn + kPauseWithoutDescriptors;
      return;
    } else {
      return;
    }
  }
}

void Server::Inside::admit(Peer peer) {
  ++counters_.accepted;
  // It owns the socket from here on, whatever it answers.
  MHD_add_connection(daemon_.get(), peer.socket.release(),
                     reinterpret_cast<const sockaddr*>(&peer.address), peer.length);
}

bool Server::Inside::evict() {
  auto* slowest = connections_.slowest_client();
  if (slowest == nullptr) return false;
  ++counters_.evicted;
  cut(*slowest);
  return true;
}

// libmicrohttpd has no call to close a connection: it sees the end of a socket that is shut down,
// and asks again about a request that is resumed.
void Server::Inside::cut(Connection& connection) {
  connection.cut = true;
  if (connection.suspended) {
    if (!connection.answer) MHD_resume_connection(connection.handle);
  } else {
    ::shutdown(connection.socket, SHUT_RDWR);
  }
}

void Server::Inside::cut_overdue(Clock::time_point now) {
  connections_.each_living([&](Connection& connection) {
    if (connections_.deadline(connection) > now) return;
    ++counters_.timed_out;
    cut(connection);
  });
}

void Server::Inside::watch_listening(Clock::time_point now) {
  if (!acceptor_) return;
  const bool room =
      connections_.living() < rules_.max_connections || connections_.slowest_client() != nullptr;
  const bool wanted = room && now >= pause_until_;
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
