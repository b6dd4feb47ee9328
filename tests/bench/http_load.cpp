// SPDX-License-Identifier: Apache-2.0
// usage: http_load [<seconds>]
//
// What one server can do: serves bodies of 1 KiB (with Content-Length) and 9 KiB (in chunks; the
// status of 8 GPUs) from memory, has wrk ask for them on 64 connections, and shows what wrk says
// and what the server took. Ends with 77 without wrk.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "nvhook/http/server.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace nvhook;

constexpr int kWithoutWrk = 77;
constexpr long kMostMemory = 16 * 1024;  // KiB
constexpr double kMillion = 1e6;

[[noreturn]] void serve(UniqueFd listening) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto brief = http::text_response(200, std::string(1024, 'x'));
  const auto longer = http::text_response(200, std::string(std::size_t{9} * 1024, 'x'));
  auto server = http::Server::start(
      std::move(listening), {},
      [&](const http::Request& request, http::Ticket) -> std::optional<http::Response> {
        return request.path == "/brief" ? brief : longer;
      });
  if (!server) ::_exit(1);
  for (;;) {
    pollfd ready{.fd = server->poll_fd(), .events = POLLIN, .revents = 0};
    const auto wait = server->timeout();
    ::poll(&ready, 1, wait ? static_cast<int>(wait->count()) : -1);
    server->run();
  }
}

void ask(const std::string& url, const std::string& seconds) {
  const pid_t wrk = ::fork();
  if (wrk == 0) {
    ::execlp("wrk", "wrk", "-t1", "-c64", ("-d" + seconds).c_str(), "--latency", url.c_str(),
             nullptr);
    ::_exit(kWithoutWrk);
  }
  int status = 0;
  ::waitpid(wrk, &status, 0);
  if (status != 0) std::exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

double seconds_in(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / kMillion;
}

}  // namespace

int main(int count, char** words) {
  UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening.get(), any, length) != 0 || ::listen(listening.get(), 128) != 0 ||
      ::getsockname(listening.get(), any, &length) != 0)
    return 1;
  const pid_t server = ::fork();
  if (server == 0) serve(std::move(listening));

  const auto port = std::to_string(ntohs(address.sin_port));
  for (const auto* path : {"/brief", "/longer"})
    ask("http://127.0.0.1:" + port + path, count > 1 ? words[1] : "5");

  ::kill(server, SIGKILL);
  int status = 0;
  rusage usage{};
  ::wait4(server, &status, 0, &usage);
  std::printf("server: %.2f s user, %.2f s system, %ld KiB at most\n", seconds_in(usage.ru_utime),
              seconds_in(usage.ru_stime), usage.ru_maxrss);
  return usage.ru_maxrss <= kMostMemory || nvhook::test::kSanitized ? 0 : 1;
}
