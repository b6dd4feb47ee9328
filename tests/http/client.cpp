// SPDX-License-Identifier: Apache-2.0
#include "http/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace nvhook::http::test {
namespace {

using std::chrono::milliseconds;

constexpr int kAnswerTime = 3000;  // ms, on a busy machine; what is tested is shorter
constexpr std::string_view kLineEnd = "\r\n";

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Answer parsed_head(std::string_view head) {
  Answer answer;
  if (!head.starts_with("HTTP/1.1 ")) return answer;
  answer.status = std::atoi(std::string(head.substr(9, 3)).c_str());
  for (auto line = head.find(kLineEnd); line + 2 < head.size();) {
    const auto end = head.find(kLineEnd, line + 2);
    const auto field = head.substr(line + 2, end - line - 2);
    const auto colon = field.find(": ");
    if (colon != std::string_view::npos)
      answer.headers[lower_case(std::string(field.substr(0, colon)))] = field.substr(colon + 2);
    line = end;
  }
  return answer;
}

}  // namespace

Client& Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return *this;
}

Client& Client::end() {
  ::shutdown(socket_.get(), SHUT_WR);
  return *this;
}

void Client::reset() {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  socket_ = UniqueFd();
}

bool Client::fill() {
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kAnswerTime) <= 0) return false;
  std::array<char, 65536> bytes{};
  const auto count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  got_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

Answer Client::read(bool to_head) {
  auto end = got_.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (!fill()) return {};
    end = got_.find("\r\n\r\n");
  }
  auto answer = parsed_head(std::string_view(got_).substr(0, end + 2));
  got_.erase(0, end + 4);
  if (to_head) return answer;
  if (answer.headers.contains("content-length")) {
    const auto size = std::strtoull(answer.headers["content-length"].c_str(), nullptr, 10);
    while (got_.size() < size && fill()) {
    }
    answer.body = got_.substr(0, size);
    got_.erase(0, size);
    return answer;
  }
  while (answer.headers.contains("transfer-encoding")) {
    auto line = got_.find(kLineEnd);
    while (line == std::string::npos && fill()) line = got_.find(kLineEnd);
    if (line == std::string::npos) return {};
    const auto size = std::strtoull(got_.c_str(), nullptr, 16);
    while (got_.size() < line + 2 + size + 2 && fill()) {
    }
    answer.body += got_.substr(line + 2, size);
    got_.erase(0, line + 2 + size + 2);
    if (size == 0) break;
  }
  return answer;
}

bool Client::is_closed_within(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (left.count() < 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) return false;
    std::array<char, 65536> bytes{};
    if (::recv(socket_.get(), bytes.data(), bytes.size(), 0) <= 0) return true;
  }
}

std::string get(const Daemon& daemon, std::string_view target, std::string_view fields) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + daemon.host() + "\r\n" +
         std::string(fields) + "\r\n";
}

std::string post(std::string_view target, std::string_view body, std::string_view fields) {
  return "POST " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

int status_of(const Daemon& daemon, std::string_view bytes) {
  Client client(daemon);
  return client.send(bytes).read().status;
}

}  // namespace nvhook::http::test
