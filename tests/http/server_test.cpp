// SPDX-License-Identifier: Apache-2.0
#include "nvhook/http/server.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "http/daemon.hpp"

namespace nvhook::http::test {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

TEST(Server, AnswersOneRequestAfterTheOtherOnOneConnection) {
  const Daemon daemon(tcp_rules());
  Client client(daemon);

  for (int count = 0; count < 3; ++count) {
    const auto answer = client.send(get(daemon, "/")).read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello\n");
    EXPECT_THAT(answer.headers, Not(Contains(Key("connection"))));
  }
  EXPECT_EQ(daemon.counters().accepted, 1);
}

TEST(Server, HasTheHeadersOfEveryAnswer) {
  const Daemon daemon(tcp_rules());
  for (const auto* target : {"/", "/nowhere"}) {
    const auto answer = Client(daemon).send(get(daemon, target)).read();

    EXPECT_THAT(answer.headers, Contains(Pair("cache-control", "no-store")));
    EXPECT_THAT(answer.headers, Contains(Pair("x-content-type-options", "nosniff")));
    EXPECT_THAT(answer.headers, Contains(Pair("cross-origin-resource-policy", "same-origin")));
    EXPECT_THAT(answer.headers, Contains(Pair("content-security-policy",
                                              "default-src 'none'; frame-ancestors 'none'")));
    EXPECT_THAT(answer.headers, Contains(Pair("content-type", "text/plain; charset=utf-8")));
    EXPECT_THAT(answer.headers, Contains(Key("date")));
    EXPECT_THAT(answer.headers, Not(Contains(Key("server"))));
    EXPECT_THAT(answer.headers, Not(Contains(Key("access-control-allow-origin"))));
  }
}

TEST(Server, LeavesAnAnswerThePolicyThatItBrings) {
  const Daemon daemon(tcp_rules());
  const auto answer = Client(daemon).send(get(daemon, "/own-policy")).read();
  EXPECT_EQ(answer.headers.at("content-security-policy"), "default-src 'self'");
}

// Source: golden answers http-post, http-root.
TEST(Server, SaysThatAPathOrAMethodIsUnknownAsTheOriginalDid) {
  const Daemon daemon(tcp_rules());
  for (const auto* request : {"GET /v1", "POST /", "OPTIONS /", "DELETE /", "get /"}) {
    const auto answer =
        Client(daemon).send(std::string(request) + " HTTP/1.1\r\nHost: localhost\r\n\r\n").read();

    EXPECT_EQ(answer.status, 404) << request;
    EXPECT_EQ(answer.body, "404 page not found\n");
    EXPECT_EQ(answer.headers.at("content-length"), "19");
    EXPECT_EQ(answer.headers.at("content-type"), "text/plain; charset=utf-8");
  }
}

TEST(Server, SendsAHeadWithoutABody) {
  const Daemon daemon(tcp_rules());
  Client client(daemon);
  for (const auto* target : {"/bytes/2048", "/bytes/2049"}) {
    const auto answer =
        client.send("HEAD " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .read(true);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ("/bytes/" + answer.headers.at("content-length"), target);
  }
  EXPECT_EQ(client.send(get(daemon, "/")).read().body, "hello\n") << "nothing else came before";
}

TEST(Server, SendsLongBodiesInChunks) {
  const Daemon daemon(tcp_rules());
  Client client(daemon);

  const auto brief = client.send(get(daemon, "/bytes/2048")).read();
  EXPECT_EQ(brief.headers.at("content-length"), "2048");

  for (const std::size_t size : {2'049, 70'000, 1'000'000}) {
    const auto longer = client.send(get(daemon, "/bytes/" + std::to_string(size))).read();
    EXPECT_EQ(longer.headers.at("transfer-encoding"), "chunked");
    EXPECT_THAT(longer.headers, Not(Contains(Key("content-length"))));
    EXPECT_EQ(longer.body, std::string(size, 'x'));
  }
}

TEST(Server, SpeaksTheOldVersionToo) {
  const Daemon daemon(tcp_rules());
  Client client(daemon);
  const auto answer = client.send("GET /bytes/5000 HTTP/1.0\r\nHost: localhost\r\n\r\n").read();

  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.headers, Not(Contains(Key("transfer-encoding"))));
  EXPECT_EQ(answer.body.size(), 5000);
  EXPECT_TRUE(client.is_closed_within(kPatience));
}

TEST(Server, HandsARequestOnAsItWasSent) {
  const Daemon daemon(tcp_rules());
  const auto answer =
      Client(daemon).send(get(daemon, "/echo?dev=%30+1&vol=?x&", "Accept: a/b, */*\r\n")).read();
  EXPECT_EQ(answer.body, "GET\n/echo\ndev=%30+1&vol=?x&\na/b, */*\n");
  EXPECT_EQ(status_of(daemon, get(daemon, "/%65cho")), 404) << "nothing is decoded";
}

TEST(Server, TakesABody) {
  const Daemon daemon(unix_rules(), Family::Unix);
  Client client(daemon);
  const std::string all(std::size_t{64} * 1024, 'b');

  EXPECT_EQ(client.send(post("/echo", "{}")).read().body, "POST\n/echo\n\n\n{}");
  EXPECT_EQ(client.send(post("/echo", all)).read().body, "POST\n/echo\n\n\n" + all);
  EXPECT_EQ(client.send(post("/echo", "")).read().body, "POST\n/echo\n\n\n");
  const auto in_parts = post("/echo", "{}", "Expect: 100-continue\r\n");
  client.send(in_parts.substr(0, in_parts.size() - 2));
  EXPECT_EQ(client.read(true).status, 100);
  EXPECT_EQ(client.send("{}").read().body, "POST\n/echo\n\n\n{}");
}

TEST(Server, TakesAnEmptyHostOrNoneOnAUnixSocket) {
  const Daemon daemon(unix_rules(), Family::Unix);
  for (const auto* host : {"Host: \r\n", "Host:\r\n", "", "Host: plugin.moby.localhost\r\n"})
    EXPECT_EQ(status_of(daemon, post("/echo", "{}", host)), 200) << host;
  EXPECT_EQ(status_of(daemon, "GET /echo HTTP/1.1\r\nHost: \r\n\r\n"), 404) << "only POST";
}

TEST(Server, AnswersLaterWhenTheHandlerWantsSo) {
  const Daemon daemon(tcp_rules());
  Client slow(daemon);
  Client quick(daemon);

  slow.send(get(daemon, "/later"));
  EXPECT_EQ(quick.send(get(daemon, "/")).read().status, 200) << "nobody waits for it";
  EXPECT_EQ(slow.read().body, "hello\n");
  EXPECT_EQ(slow.send(get(daemon, "/later")).read().body, "hello\n");
}

TEST(Server, SurvivesAClientThatDoesNotWaitForItsAnswer) {
  const Daemon daemon(tcp_rules());
  for (int count = 0; count < 20; ++count) {
    Client hasty(daemon);
    hasty.send(get(daemon, "/later"));
    if (count % 2 == 0) hasty.reset();
  }
  ::usleep(100'000);
  EXPECT_EQ(status_of(daemon, get(daemon, "/later")), 200);
  EXPECT_TRUE(daemon.alive());
}

TEST(Server, ClosesWithoutAnAnswerIfTheHandlerTakesTooLong) {
  const Daemon daemon(tcp_rules());
  Client client(daemon);
  client.send(get(daemon, "/never"));

  EXPECT_FALSE(client.is_closed_within(kPatience / 2));
  EXPECT_TRUE(client.is_closed_within(kPatience * 3));
  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.timed_out == 1; }));
}

TEST(Server, HearsWhoSentInTimeHoweverLongAnotherTook) {
  const Daemon daemon(tcp_rules());
  Client other(daemon);
  Client client(daemon);
  EXPECT_EQ(client.send(get(daemon, "/")).read().status, 200);

  other.send(get(daemon, "/blocks"));
  ::usleep(50'000);
  EXPECT_EQ(client.send(get(daemon, "/")).read().status, 200);
  EXPECT_EQ(other.read().status, 404);
}

TEST(Server, ClosesAConnectionAfterAHundredRequests) {
  const Daemon daemon(tcp_rules());
  Client client(daemon);
  for (int count = 1; count < 100; ++count)
    EXPECT_EQ(client.send(get(daemon, "/")).read().headers.count("connection"), 0);
  EXPECT_EQ(client.send(get(daemon, "/")).read().headers.at("connection"), "close");
  EXPECT_TRUE(client.is_closed_within(kPatience / 2));
}

TEST(Server, EndsInGoodOrder) {
  Daemon daemon(tcp_rules());
  Client idle(daemon);
  Client waiting(daemon);
  EXPECT_EQ(idle.send(get(daemon, "/")).read().status, 200);
  waiting.send(get(daemon, "/later"));
  ::usleep(10'000);

  daemon.stop();

  EXPECT_TRUE(idle.is_closed_within(kPatience));
  const auto answer = waiting.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(daemon.ends_within(kPatience * 3));
  EXPECT_FALSE(daemon.connect()) << "nobody listens any more";
}

TEST(Server, EndsAtTheLatestWhenTheHandlersTimeIsOver) {
  Daemon daemon(tcp_rules());
  Client waiting(daemon);
  waiting.send(get(daemon, "/never"));
  ::usleep(10'000);

  daemon.stop();

  EXPECT_TRUE(daemon.ends_within(kPatience * 3));
}

TEST(Server, CanBeDestroyedWithRequestsUnderWay) {
  Place place;
  int asked = 0;
  auto server = Server::start(listen_at_new(Family::Tcp, place), tcp_rules(),
                              [&](const Request&, Ticket) -> std::optional<Response> {
                                ++asked;
                                return std::nullopt;
                              });
  ASSERT_TRUE(server);
  const auto waiting = connect_to(place);
  const auto started = connect_to(place);
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_GT(::send(waiting.get(), kRequest.data(), kRequest.size(), 0), 0);
  ASSERT_GT(::send(started.get(), kRequest.data(), kRequest.size() - 2, 0), 0);
  for (int turn = 0; turn < 100 && asked == 0; ++turn) server->run();
  ASSERT_EQ(asked, 1);
  EXPECT_EQ(server->connections(), 2);
  EXPECT_FALSE(server->idle());

  server = std::unexpected(Error(ErrorId::Bug, "destroyed"));

  char nothing = 0;
  EXPECT_EQ(::recv(waiting.get(), &nothing, 1, 0), 0);
  EXPECT_EQ(::recv(started.get(), &nothing, 1, 0), 0);
}

TEST(Server, TakesOneAnswerToATicketAndNoneToAnother) {
  Place place;
  Ticket asked = 0;
  auto server = Server::start(listen_at_new(Family::Tcp, place), tcp_rules(),
                              [&](const Request&, Ticket ticket) -> std::optional<Response> {
                                asked = ticket;
                                return std::nullopt;
                              });
  ASSERT_TRUE(server);
  const auto client = connect_to(place);
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_GT(::send(client.get(), kRequest.data(), kRequest.size(), 0), 0);
  for (int turn = 0; turn < 100 && asked == 0; ++turn) server->run();
  ASSERT_NE(asked, 0);

  server->answer(asked + 1, text_response(200, "another"));
  EXPECT_NE(server->timeout(), milliseconds(0));
  server->answer(asked, text_response(200, "first"));
  EXPECT_EQ(server->timeout(), milliseconds(0));
  server->answer(asked, text_response(200, "second"));
  for (int turn = 0; turn < 100 && !server->idle(); ++turn) server->run();
  server->answer(asked, text_response(200, "third"));

  std::array<char, 4096> bytes{};
  const auto count = ::recv(client.get(), bytes.data(), bytes.size(), 0);
  ASSERT_GT(count, 0);
  EXPECT_TRUE(std::string_view(bytes.data(), static_cast<std::size_t>(count)).ends_with("first"));
}

TEST(Server, DoesNotStartOnWhatIsNoSocket) {
  const auto server =
      Server::start(UniqueFd(), {}, [](const Request&, Ticket) { return not_found(); });
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().id(), ErrorId::Kernel);
  EXPECT_THAT(server.error().message(), HasSubstr("listening socket"));
}

TEST(Server, DoesNotStartOnASocketThatDoesNotListen) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const auto server = Server::start(UniqueFd(::socket(AF_INET, type, 0)), {},
                                      [](const Request&, Ticket) { return not_found(); });
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().id(), ErrorId::Kernel);
    EXPECT_THAT(server.error().message(), HasSubstr("does not listen"));
  }
}

// The caller's loop does other things between one turn and the question how long it may wait.
TEST(Server, TakesClientsAgainHoweverLateItsLoopIsAfterAPause) {
  Place place;
  auto server = Server::start(listen_at_new(Family::Tcp, place), tcp_rules(),
                              [](const Request&, Ticket) { return not_found(); });
  ASSERT_TRUE(server);
  server->run();  // a sanitizer wants descriptors when it sees a type first
  const std::array clients = {connect_to(place), connect_to(place)};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  server->run();
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_EQ(server->counters().turned_away, 1);
  EXPECT_GT(server->timeout(), milliseconds(0));

  ::usleep(100'000);

  EXPECT_EQ(server->timeout(), milliseconds(0));
  for (int turn = 0; turn < 10 && server->counters().accepted == 0; ++turn) server->run();
  EXPECT_EQ(server->counters().accepted, 2);
}

}  // namespace
}  // namespace nvhook::http::test
