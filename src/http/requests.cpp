// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "http/inside.hpp"

namespace nvhook::http {
namespace {

constexpr unsigned kRequestsPerClient = 100;  // on one connection, then it is closed

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

}  // namespace

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
  suspend(connection);
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

}  // namespace nvhook::http
