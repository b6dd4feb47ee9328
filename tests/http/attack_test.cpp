// SPDX-License-Identifier: Apache-2.0
// What a client may send: bytes that are no HTTP, that ask in the name of somebody else, or that
// could be taken for two requests. docs/companion/http.md lists the rows.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "http/daemon.hpp"
#include "support/sanitized.hpp"

namespace nvhook::http::test {
namespace {

using namespace std::string_literals;

constexpr int kClosed = 0;  // without an answer

struct Attempt {
  std::string bytes;
  int status;  // of the answer
};

std::string shown(std::string_view bytes) {
  return ::testing::PrintToString(std::string(bytes.substr(0, 120)));
}

// Sends each attempt to a server of its own, which must close whatever it refuses, live on, serve
// others, and not grow.
void expect_outcomes(const std::vector<Attempt>& attempts, const Rules& rules = tcp_rules(),
                     Family family = Family::Tcp) {
  const Daemon daemon(rules, family);
  const auto good =
      family == Family::Tcp ? "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"s : post("/echo", "{}");
  ASSERT_EQ(status_of(daemon, good), 200);
  const auto before = daemon.resident();
  for (const auto& attempt : attempts) {
    Client client(daemon);
    const auto answer = client.send(attempt.bytes).read();
    EXPECT_EQ(answer.status, attempt.status) << shown(attempt.bytes);
    EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
    if (answer.status != 200 && answer.status != 404) {
      EXPECT_TRUE(client.is_closed_within(kPatience / 2)) << shown(attempt.bytes);
    }
  }
  EXPECT_EQ(status_of(daemon, good), 200);
  EXPECT_TRUE(daemon.alive());
  if (!nvhook::test::kSanitized) {
    EXPECT_LT(daemon.resident(), before + 1024 * 1024);
  }
}

std::string with(std::string_view fields, std::string_view host = "localhost") {
  return "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" + std::string(fields) + "\r\n";
}
std::string line(std::string_view request_line) {
  return std::string(request_line) + "\r\nHost: localhost\r\n\r\n";
}
std::string path(std::string_view target) {
  return line("GET " + std::string(target) + " HTTP/1.1");
}
std::string plugin(std::string_view fields_and_body) {
  return "POST /echo HTTP/1.1\r\nHost: \r\n" + std::string(fields_and_body);
}
std::string times(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t done = 0; done < count; ++done) all += text;
  return all;
}

TEST(HttpAttack, H01_NamesThatAreNotOurs) {
  std::vector<Attempt> attempts = {{"GET / HTTP/1.1\r\n\r\n", 400},
                                   {with("Host: localhost\r\n"), 400},
                                   {with("host: evil.example\r\n"), 400}};
  for (const auto* ours : {"[::1]:3476", "LOCALHOST:3476", "127.0.0.1", "plugin", "localhost:1"})
    attempts.push_back({with("", ours), 200});
  for (const auto* others :
       {"evil.example:3476", "evil.example", "127.0.0.1.evil.example", "127.0.0.2", "[::2]:3476",
        "localhost.", "localhost.evil.example:80", "0.0.0.0:3476", "2130706433", "[]"})
    attempts.push_back({with("", others), 421});
  for (const auto* none :
       {"", "localhost:3476@evil", "localhost:", "localhost:3476:1", "[::1", "[::1]x",
        "localhost:123456", "local host", "localhost/", "localhost:80, evil", "localhost, evil",
        "user@localhost", "localhost\tevil", "::1"})
    attempts.push_back({with("", none), 400});
  expect_outcomes(attempts);
}

TEST(HttpAttack, H02_PagesOfOtherSites) {
  expect_outcomes({{with("Origin: https://evil.example\r\n"), 403},
                   {with("Origin: null\r\n"), 403},
                   {with("Origin: http://evil.example\r\n"), 403},
                   {with("Origin: https://localhost\r\n"), 403},
                   {with("Origin: http://localhost:1\r\n"), 403},
                   {with("Origin: http://localhost\r\nOrigin: null\r\n"), 403},
                   {with("Sec-Fetch-Site: cross-site\r\n"), 403},
                   {with("sec-fetch-site: same-site\r\n"), 403},
                   {with("Sec-Fetch-Site: \r\n"), 403},
                   {with("Sec-Fetch-Site: same-origin\r\n"), 200},
                   {with("Sec-Fetch-Site: none\r\n"), 200},
                   {with("Origin: http://localhost\r\n"), 200},
                   {with("Origin: http://LOCALHOST:3476\r\n", "localhost:3476"), 200},
                   {with("Referer: https://evil.example/\r\n"), 200}});
}

TEST(HttpAttack, H03_OtherMethods) {
  const auto form =
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
      "Content-Length: 3\r\n\r\na=b"s;
  const auto preflight =
      "OPTIONS / HTTP/1.1\r\nHost: localhost\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n"s;
  std::vector<Attempt> attempts = {{form, 404},
                                   {preflight, 404},
                                   {line("OPTIONS * HTTP/1.1"), 400},
                                   {line("CONNECT evil:443 HTTP/1.1"), 400},
                                   {line("G\tT / HTTP/1.1"), 400},
                                   {line(" / HTTP/1.1"), kClosed},
                                   {line("GE(T) / HTTP/1.1"), 400},
                                   {line(times(5000, "M") + " / HTTP/1.1"), 414}};
  for (const auto* method : {"PUT", "TRACE", "PATCH", "DELETE", "get", "Get", "PRI"})
    attempts.push_back({line(method + " / HTTP/1.1"s), 404});
  attempts.push_back({line(times(200, "M") + " / HTTP/1.1"), 404});
  expect_outcomes(attempts);
}

TEST(HttpAttack, H04_TargetsThatAreNoPaths) {
  expect_outcomes({{path("http://evil/"), 400},
                   {path("http://localhost/"), 400},
                   {path("*"), 400},
                   {path("evil:80"), 400},
                   {path("?dev=0"), 400},
                   {line("GET  HTTP/1.1"), 400},
                   {line("GET HTTP/1.1"), 400},
                   {path("/a b"), 400},
                   {path("/a\tb"), 400},
                   {path("/a\0b"s), 400},
                   {path("/\0"s), 400},
                   {path("/a\x80"), 400},
                   {path("/a\xc0\xaf"), 400},
                   {path("/#frag"), 400},
                   {path("/?a#frag"), 400},
                   {path("/\x7f"), 400},
                   {path("/\x1b[31m"), 400}});
}

TEST(HttpAttack, H05_PathsThatAreNotOurs) {
  std::vector<Attempt> attempts = {{path("/" + times(8192, "a")), 414},
                                   {path("/" + times(65536, "a")), 414},
                                   {path("/" + times(4096, "%00")), 414}};
  for (const auto* target :
       {"/v1.0/../../etc/passwd", "//", "//echo", "/./", "/%2e%2e%2f", "/%00", "/%", "/%zz",
        "/..;/", "/\\..\\", "/echo/", "/Echo", "/%65cho", "/echo%3fa=b", "/echo;a=b", "/../echo"})
    attempts.push_back({path(target), 404});
  expect_outcomes(attempts);
}

// What stands in a query is the business of whoever reads it; here, that it goes no further than
// the request line.
TEST(HttpAttack, H06_Queries) {
  expect_outcomes({{path("/?" + times(10'000, "a=b&")), 414},
                   {path("/?" + times(10'000, "&")), kClosed},
                   {path("/?" + times(2'000, "&")), kClosed},
                   {path("/?" + times(101, "&")), kClosed},
                   {path("/?" + times(100, "&")), 200},
                   {path("/?" + times(100, "a=b&")), 200},
                   {path("/?dev=0&dev=1"), 200},
                   {path("/?dev=$(id)"), 200},
                   {path("/??"), 200},
                   {path("/?dev=\""), 200}});
}

TEST(HttpAttack, H07_OtherVersions) {
  expect_outcomes({{"GET /\r\n", 400},
                   {"GET /\r\n\r\n", 400},
                   {line("GET / HTTP/1.0"), 200},
                   {"GET / HTTP/1.0\r\n\r\n", 400},
                   {line("GET / HTTP/1.2"), 505},
                   {line("GET / HTTP/2.0"), 505},
                   {line("GET / HTTP/0.9"), 505},
                   {line("GET / http/1.1"), 400},
                   {line("GET / HTTP/1.10"), 400},
                   {line("GET / HTTP/1.1x"), 400},
                   {line("GET / HTTP/1,1"), 400},
                   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
                   {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"s, kClosed},
                   {"SSH-2.0-OpenSSH_9.2\r\n", kClosed},
                   {"\0\0\0\0\n\n"s, kClosed}});
}

TEST(HttpAttack, H08_Headers) {
  std::vector<Attempt> attempts = {
      {with("X: " + times(16 * 1024 + 1, "x") + "\r\n"), 431},
      {with("X: " + times(4 * 1024, "x") + "\r\n"), 431},
      {with(times(5, "X: " + times(4000, "x") + "\r\n")), 431},
      {with(times(64, "X: y\r\n")), 431},
      {with(times(63, "X: y\r\n")), 200},
      {with(times(1'000'000, ":")), 431},
      {with(times(100'000, "X: y\r\n")), 431},
      {with("Cookie: " + times(1900, "a;") + "\r\n"), 431},
      {with("X : y\r\n"), 400},
      {with("X\t: y\r\n"), 400},
      {with(" X: y\r\n"), 400},
      {with("X: y\r\n z\r\n"), 400},
      {with("X: y\r\n\tz\r\n"), 400},
      {"GET / HTTP/1.1\nHost: localhost\n\n", 400},
      {with("X: y\rHost: evil\r\n"), 400},
      {with("X: y\0z\r\n"s), 400},
      {with("X\0: y\r\n"s), 400},
      {with("\0X: y\r\n"s), 400},
      {with(": y\r\n"), 400},
      {with("X\r\n"), 400},
      {with("X(): y\r\n"), 400},
      {with("X\x80: y\r\n"), 400},
      {with("X: \x1b[31m\r\n"), 400},
      {with("X: \x7f\r\n"), 400},
      {with("X:y\r\n"), 200},
      {with("X: \xc3\xa4\r\n"), 200},
      {"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400},
  };
  expect_outcomes(attempts);
}

TEST(HttpAttack, H09_OtherProtocolsAndExpectations) {
  expect_outcomes({{with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), 200},
                   {with("Connection: Upgrade\r\nUpgrade: websocket\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"),
                    200},
                   {with("Expect: 100-continue\r\n"), 417},
                   {with("Connection: x,y,z" + times(1000, ",z") + "\r\n"), 200},
                   {with("Connection: " + times(1000, "x,y,z") + "\r\n"), 431}});
  expect_outcomes({{plugin("Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}"), 417}}, unix_rules(),
                  Family::Unix);
}

TEST(HttpAttack, H11_ALengthAndChunks) {
  expect_outcomes(
      {{plugin("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
       {plugin("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"), 400}},
      unix_rules(), Family::Unix);
}

TEST(HttpAttack, H12_LengthsThatAreNone) {
  std::vector<Attempt> attempts = {
      {plugin("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"), 400},
      {plugin("Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}"), 400},
      {plugin("Content-Length:  2\r\n\r\n{}"), 400},
      {plugin("Content-Length: 18446744073709551616\r\n\r\n{}"), 413},
      {plugin("Content-Length: 18446744073709551615\r\n\r\n{}"), 413},
      {plugin("Content-Length: 9223372036854775808\r\n\r\n{}"), 413},
      {plugin("Content-Length: 65537\r\n\r\n{}"), 413}};
  for (const auto* length : {"5,5", "+5", "0x5", "-1", "", "5 5", "5.", "five", "5\v", "5 "})
    attempts.push_back({plugin("Content-Length: "s + length + "\r\n\r\nabcde"), 400});
  expect_outcomes(attempts, unix_rules(), Family::Unix);
}

TEST(HttpAttack, H13_TransferEncodings) {
  std::vector<Attempt> attempts = {
      {plugin("Transfer-Encoding: chunked\v\r\n\r\n0\r\n\r\n"), 400},
      {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411}};
  for (const auto* encoding :
       {"chunked", "identity, chunked", "xchunked", "identity", "gzip, chunked", "", "chunked ",
        "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: identity"})
    attempts.push_back({plugin("Transfer-Encoding: "s + encoding + "\r\n\r\n0\r\n\r\n"), 411});
  expect_outcomes(attempts, unix_rules(), Family::Unix);
}

TEST(HttpAttack, H14_Chunks) {
  std::vector<Attempt> attempts;
  for (const auto& chunks : {"FFFFFFFFFFFFFFFF1\r\n"s, "2;" + times(1'000'000, "x"), "2{}0"s,
                             "0\r\n" + times(100'000, "X: y\r\n") + "\r\n"})
    attempts.push_back({plugin("Transfer-Encoding: chunked\r\n\r\n" + chunks), 411});
  expect_outcomes(attempts, unix_rules(), Family::Unix);
}

TEST(HttpAttack, H15_ABodyThatIsASecondRequest) {
  const auto second = path("/echo?second");
  expect_outcomes(
      {{with("Content-Length: " + std::to_string(second.size()) + "\r\n") + second, 400},
       {with("Transfer-Encoding: chunked\r\n") + second, 411},
       {with("Content-Length: 1\r\n"), 400},
       {with("Content-Length: 0\r\n"), 200}});
}

}  // namespace
}  // namespace nvhook::http::test
