// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "http/place.hpp"
#include "nvhook/http/server.hpp"

namespace nvhook::http::test {

// Short, so that a test of them takes a moment.
inline constexpr std::chrono::milliseconds kPatience{300};

[[nodiscard]] Rules tcp_rules();   // with kPatience for everything
[[nodiscard]] Rules unix_rules();  // POST, any host, bodies of 64 KiB

// A server in a process of its own. What it answers:
//
//   /              "hello\n"                 /bytes/<n>   n bytes
//   /later         as /, after 50 ms         /never       nothing, ever
//   POST /echo     method, path, query, Accept and body, a line each; GET, too
//   /own-policy    with a Content-Security-Policy of its own
//   /blocks        not_found(), but nothing else is done for twice kPatience
//   otherwise      not_found()
class Daemon {
 public:
  // `first` is called in the new process before it serves.
  explicit Daemon(const Rules& rules, Family family = Family::Tcp,
                  const std::function<void()>& first = {});
  ~Daemon();  // kills it
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] UniqueFd connect() const { return connect_to(place_); }
  [[nodiscard]] const std::string& host() const { return host_; }  // "127.0.0.1:4711"

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool alive() const;
  [[nodiscard]] std::size_t resident() const;  // bytes
  [[nodiscard]] std::chrono::milliseconds cpu_time() const;
  [[nodiscard]] Counters counters() const;  // as of its last turn
  // Whether its counters become so, before long.
  [[nodiscard]] bool counts(const std::function<bool(const Counters&)>& so) const;

  void stop();  // stop_accepting(); it ends when it is idle
  // Whether it ends by itself, with status 0, within `time`.
  [[nodiscard]] bool ends_within(std::chrono::milliseconds time);

 private:
  pid_t pid_ = -1;
  bool over_ = false;
  Place place_;
  std::string host_;
  Counters* counters_ = nullptr;  // shared with the process
};

}  // namespace nvhook::http::test
