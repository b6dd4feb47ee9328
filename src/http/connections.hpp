// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/http/server.hpp"

struct MHD_Connection;  // of libmicrohttpd

namespace nvhook::http {

using Clock = std::chrono::steady_clock;

// Whom a connection waits for.
enum class Stage : std::uint8_t {
  Request,  // the client, with the rest of a request or a new one
  Answer,   // the handler
  Reading,  // the client, to read its answer
};

struct Connection {
  MHD_Connection* handle = nullptr;  // borrowed
  int socket = -1;                   // borrowed
  Stage stage = Stage::Request;
  Clock::time_point since;
  bool cut = false;       // closed by us, only libmicrohttpd does not know yet
  unsigned requests = 0;  // heads seen

  // Of the request that is under way.
  bool has_head = false;
  std::string target;
  std::string body;
  Ticket ticket = 0;
  bool suspended = false;          // while the handler has its ticket
  std::optional<Response> answer;  // what it gave then

  void enter(Stage next, Clock::time_point now) {
    stage = next;
    since = now;
  }
  void forget_request();
};

// All that are open, few: the limits of time and number.
class Connections {
 public:
  explicit Connections(const Rules& rules) : rules_(rules) {}

  Connection& add(MHD_Connection* handle, int socket, Clock::time_point now);
  void remove(const Connection& gone);

  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::size_t living() const;  // that are not cut
  // Of the living: whoever has kept us waiting longest, as the first to go for a new one. Those
  // that wait for the handler are no candidates.
  [[nodiscard]] Connection* slowest_client() const;
  [[nodiscard]] Connection* with_ticket(Ticket ticket) const;
  [[nodiscard]] bool any(Stage stage) const;

  [[nodiscard]] Clock::time_point deadline(const Connection& connection) const;
  [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;  // of the living

  template <class Visit>
  void each_living(Visit visit) const {
    for (const auto& connection : all_)
      if (!connection->cut) visit(*connection);
  }

 private:
  Rules rules_;
  std::vector<std::unique_ptr<Connection>> all_;
};

}  // namespace nvhook::http
