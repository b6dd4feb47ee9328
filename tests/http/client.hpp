// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "http/daemon.hpp"

namespace nvhook::http::test {

struct Answer {
  int status = 0;                              // 0: closed, or nothing came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // without the frames of chunks
};

// Somebody with a connection who sends bytes as they are.
class Client {
 public:
  explicit Client(const Daemon& daemon) : socket_(daemon.connect()) {}

  [[nodiscard]] int socket() const { return socket_.get(); }
  Client& send(std::string_view bytes);  // as many as are taken
  Client& end();                         // of what it sends
  void reset();                          // closes, the hard way

  // The next answer, at most `patience` long awaited. `to_head` says that no body follows.
  [[nodiscard]] Answer read(bool to_head = false);
  // Whether the server closes within `time`; what it still sends is read and lost.
  [[nodiscard]] bool is_closed_within(std::chrono::milliseconds time);

 private:
  bool fill();  // false at the end, or if nothing comes
  UniqueFd socket_;
  std::string got_;
};

// "GET <target> HTTP/1.1" with the daemon's own Host, and `fields`, each with its end.
[[nodiscard]] std::string get(const Daemon& daemon, std::string_view target,
                              std::string_view fields = "");
[[nodiscard]] std::string post(std::string_view target, std::string_view body,
                               std::string_view fields = "Host: \r\n");

// The status of the answer to these bytes from a new client.
[[nodiscard]] int status_of(const Daemon& daemon, std::string_view bytes);

}  // namespace nvhook::http::test
