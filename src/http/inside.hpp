// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <microhttpd.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "http/acceptor.hpp"
#include "http/connections.hpp"
#include "http/head.hpp"
#include "http/reply.hpp"
#include "nvhook/http/server.hpp"

namespace nvhook::http {

struct StopDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

// libmicrohttpd parses requests and sends answers. Who is let in, for how long, and what of the
// parsed is served is decided here: libmicrohttpd gets connections that are accepted already.
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
  // Called by libmicrohttpd, with `self` as the closure that it was given. In requests.cpp, as what
  // they call.
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
  void turn_away(Clock::time_point turn);
  void evict(Connection& connection);
  void cut(Connection& connection);
  void suspend(Connection& connection);
  void resume(Connection& connection);
  void cut_departed();
  void cut_overdue(Clock::time_point now);
  void watch_listening();

  Rules rules_;
  Handler handler_;
  Counters counters_;
  Connections connections_;
  Head head_;  // of whatever request is looked at, kept for its memory
  Ticket last_ticket_ = 0;
  bool resumed_ = false;   // somebody, since the last turn
  bool stopping_ = false;  // as soon as may be
  bool ending_ = false;    // at once
  UniqueFd epoll_;         // of the listening socket, libmicrohttpd's own epoll, and the suspended
  std::optional<Acceptor> acceptor_;
  bool watching_ = false;                           // for new connections
  std::optional<Clock::time_point> pause_until_;    // over only when a turn has seen it
  std::unique_ptr<MHD_Daemon, StopDaemon> daemon_;  // last: its end calls back
};

}  // namespace nvhook::http
