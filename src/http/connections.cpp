// SPDX-License-Identifier: Apache-2.0
#include "http/connections.hpp"

#include <algorithm>
#include <cstdlib>

namespace nvhook::http {
namespace {

constexpr std::size_t kKeptCapacity = 1024;  // bytes of a body's memory, for the next request

}  // namespace

void Connection::forget_request() {
  has_head = false;
  target.clear();
  body.clear();
  if (body.capacity() > kKeptCapacity) body.shrink_to_fit();
  ticket = 0;
  suspended = false;
  answer.reset();
}

Connection& Connections::add(MHD_Connection* handle, int socket, Clock::time_point now) {
  auto connection = std::make_unique<Connection>();
  connection->handle = handle;
  connection->socket = socket;
  connection->since = now;
  return *all_.emplace_back(std::move(connection));
}

void Connections::remove(const Connection& gone) {
  std::erase_if(all_, [&](const auto& connection) { return connection.get() == &gone; });
}

std::size_t Connections::living() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(all_, [](const auto& connection) { return !connection->cut; }));
}

Connection* Connections::slowest_client() const {
  Connection* slowest = nullptr;
  each_living([&](Connection& connection) {
    if (connection.stage == Stage::Answer) return;
    if (slowest == nullptr || connection.since < slowest->since) slowest = &connection;
  });
  return slowest;
}

Connection* Connections::with_ticket(Ticket ticket) const {
  const auto found = std::ranges::find_if(all_, [&](const auto& connection) {
    return connection->suspended && connection->ticket == ticket;
  });
  return found == all_.end() ? nullptr : found->get();
}

bool Connections::any(Stage stage) const {
  return std::ranges::any_of(
      all_, [&](const auto& connection) { return !connection->cut && connection->stage == stage; });
}

Clock::time_point Connections::deadline(const Connection& connection) const {
  switch (connection.stage) {
    case Stage::Request:
      return connection.since + rules_.request_timeout;
    case Stage::Answer:
      return connection.since + rules_.answer_timeout;
    case Stage::Reading:
      return connection.since + rules_.write_timeout;
  }
  std::abort();  // every enumerator is handled above
}

std::optional<Clock::time_point> Connections::next_deadline() const {
  std::optional<Clock::time_point> next;
  each_living([&](const Connection& connection) {
    const auto its = deadline(connection);
    if (!next || its < *next) next = its;
  });
  return next;
}

}  // namespace nvhook::http
