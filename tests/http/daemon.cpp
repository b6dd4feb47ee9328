// SPDX-License-Identifier: Apache-2.0
#include "http/daemon.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

namespace nvhook::http::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLater{50};

volatile std::sig_atomic_t told_to_stop = 0;

class Handling {
 public:
  std::optional<Response> operator()(const Request& request, Ticket ticket) {
    if (request.path == "/later") {
      later_[ticket] = steady_clock::now() + kLater;
      return std::nullopt;
    }
    if (request.path == "/never") return std::nullopt;
    if (request.path == "/blocks") std::this_thread::sleep_for(2 * kPatience);
    if (request.path == "/") return text_response(200, "hello\n");
    if (request.path == "/echo") return text_response(200, told(request));
    if (request.path == "/own-policy") {
      auto page = text_response(200, "page\n");
      page.headers.push_back({"content-security-policy", "default-src 'self'"});
      return page;
    }
    constexpr std::string_view kBytes = "/bytes/";
    if (request.path.starts_with(kBytes)) {
      std::size_t count = 0;
      const auto digits = request.path.substr(kBytes.size());
      std::from_chars(digits.data(), digits.data() + digits.size(), count);
      return text_response(200, std::string(count, 'x'));
    }
    return not_found();
  }

  void answer_due(Server& server) {
    const auto now = steady_clock::now();
    std::erase_if(later_, [&](const auto& waiting) {
      if (waiting.second > now) return false;
      server.answer(waiting.first, text_response(200, "hello\n"));
      return true;
    });
  }
  [[nodiscard]] bool waits() const { return !later_.empty(); }

 private:
  static std::string told(const Request& request) {
    const auto* method = request.method == Method::Post ? "POST" : "GET";
    std::string text = method;
    for (const auto part : {request.path, request.query, request.accept, request.body})
      text += "\n" + std::string(part);
    return text;
  }

  std::map<Ticket, steady_clock::time_point> later_;
};

int serve(UniqueFd listening, const Rules& rules, Counters& counters) {
  Handling handling;
  auto server = Server::start(
      std::move(listening), rules,
      [&](const Request& request, Ticket ticket) { return handling(request, ticket); });
  if (!server) return 1;
  for (bool stopping = false;;) {
    if (told_to_stop != 0 && !stopping) {
      server->stop_accepting();
      stopping = true;
    }
    if (stopping && server->idle()) return 0;
    auto wait = server->timeout().value_or(milliseconds(1000));
    if (handling.waits()) wait = std::min(wait, milliseconds(10));
    pollfd ready{.fd = server->poll_fd(), .events = POLLIN, .revents = 0};
    ::poll(&ready, 1, static_cast<int>(wait.count()));
    handling.answer_due(*server);
    server->run();
    counters = server->counters();
  }
}

std::string field_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return line.substr(key.size());
  return "0";
}

}  // namespace

Rules tcp_rules() {
  Rules rules;
  rules.request_timeout = rules.answer_timeout = rules.write_timeout = kPatience;
  return rules;
}

Rules unix_rules() {
  auto rules = tcp_rules();
  rules.get = false;
  rules.post = true;
  rules.any_host = true;
  rules.max_body = std::size_t{64} * 1024;
  return rules;
}

Daemon::Daemon(const Rules& rules, Family family, const std::function<void()>& first) {
  auto listening = listen_at_new(family, place_);
  host_ = "127.0.0.1:" + std::to_string(place_.port);
  counters_ = static_cast<Counters*>(
      ::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGTERM, [](int) { told_to_stop = 1; });
    if (first) first();
    ::_exit(serve(std::move(listening), rules, *counters_));
  }
}

Daemon::~Daemon() {
  if (!over_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::munmap(counters_, sizeof(Counters));
}

bool Daemon::alive() const { return !over_ && ::waitpid(pid_, nullptr, WNOHANG) == 0; }

std::size_t Daemon::resident() const {
  const auto kib = field_of("/proc/" + std::to_string(pid_) + "/status", "VmRSS:");
  return std::strtoull(kib.c_str(), nullptr, 10) * 1024;
}

milliseconds Daemon::cpu_time() const {
  // Of all threads, in nanoseconds. Source: Documentation/scheduler/sched-stats.rst.
  const auto spent = field_of("/proc/" + std::to_string(pid_) + "/schedstat", "");
  return std::chrono::duration_cast<milliseconds>(
      std::chrono::nanoseconds(std::strtoll(spent.c_str(), nullptr, 10)));
}

Counters Daemon::counters() const { return *counters_; }

bool Daemon::counts(const std::function<bool(const Counters&)>& so) const {
  constexpr int kTurns = 200;
  for (int turn = 0; turn < kTurns; ++turn) {
    if (so(counters())) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

void Daemon::stop() { ::kill(pid_, SIGTERM); }

bool Daemon::ends_within(milliseconds time) {
  const auto end = steady_clock::now() + time;
  int status = -1;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  over_ = true;
  return status == 0;
}

}  // namespace nvhook::http::test
