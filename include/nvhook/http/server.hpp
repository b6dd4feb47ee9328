// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/http/message.hpp"

namespace nvhook::http {

// Of a request that is answered later. Never used twice by one server.
using Ticket = std::uint64_t;

// Answers at once, or returns nothing and has Server::answer called with the ticket later. Must not
// throw, and not call the server.
using Handler = std::function<std::optional<Response>(const Request&, Ticket)>;

// Who may ask for what. Defaults are those of the TCP side.
struct Rules {
  bool get = true;  // GET and HEAD, without a body
  bool post = false;
  std::size_t max_body = 0;  // bytes

  // What a Host header may name, with any port or none, in any case: a page whose own name leads to
  // this machine (DNS rebinding) sends that name. "[::1]" as it stands in a URL.
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "[::1]", "plugin"};
  bool any_address = false;  // besides: any numeric address, which no name server can give away
  bool any_host = false;     // any, an empty one or none: for unix sockets

  // Of a unix socket: peers of another user are closed unheard. 0 is root.
  std::optional<uid_t> only_user;

  // Beyond, the one that has waited longest for its client goes for a new one.
  unsigned max_connections = 64;
  // For each, from its beginning, however many bytes trickle in: the request that is awaited (so an
  // idle connection, too), the handler's answer, the client's reading of it.
  std::chrono::milliseconds request_timeout{5000};
  std::chrono::milliseconds answer_timeout{5000};
  std::chrono::milliseconds write_timeout{5000};
};

// Since the start of the server.
struct Counters {
  std::uint64_t accepted = 0;     // connections
  std::uint64_t evicted = 0;      // of these, closed to make room
  std::uint64_t timed_out = 0;    // of these, closed because their time was over
  std::uint64_t turned_away = 0;  // not accepted: another user, no descriptor left
  std::uint64_t requests = 0;     // that reached the handler
  std::uint64_t refused = 0;      // that did not: answered 4xx or 5xx, or closed
};

// An HTTP/1.1 server on one listening socket, TCP or unix: libmicrohttpd, driven by the caller's
// loop. One thread; the limits of request line and headers are in docs/companion/http.md. Once
// started it opens no file and makes no socket but by accept4(2).
class Server {
 public:
  // `listening` listens already. Fails with E_KERNEL.
  [[nodiscard]] static Result<Server> start(UniqueFd listening, Rules rules, Handler handler);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();  // closes all connections, whatever is under way

  [[nodiscard]] int poll_fd() const;  // readable: call run()
  // Call run() at the latest then, from now on; nothing: no need to.
  [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const;
  void run();  // does what is due, calls the handler

  // Of a ticket that the handler left without an answer. The connection may be gone: no error. It
  // is sent by the next run(), which is due now (timeout()).
  void answer(Ticket ticket, Response response);

  // For an end in good order: no new connections, idle ones are closed, each other one after its
  // answer. The listening descriptor is closed.
  void stop_accepting();
  [[nodiscard]] bool idle() const;  // no connection is waiting for an answer or reading one

  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] Counters counters() const;

 private:
  class Inside;
  explicit Server(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace nvhook::http
