// SPDX-License-Identifier: Apache-2.0
// What clients may do with their connections: send slowly, read slowly, leave, come in crowds.
// docs/companion/http.md lists the rows. With NVHOOK_ATTACK_FULL=1 in the environment crowds are
// larger and take longer.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/client.hpp"
#include "http/daemon.hpp"
#include "support/sanitized.hpp"

namespace nvhook::http::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMiB = 1024 * 1024;

bool is_full() {
  const char* value = std::getenv("NVHOOK_ATTACK_FULL");
  return value != nullptr && std::string_view(value) == "1";
}

milliseconds since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

std::vector<Client> crowd(const Daemon& daemon, std::size_t count, std::string_view bytes) {
  std::vector<Client> clients;
  for (std::size_t done = 0; done < count; ++done) clients.emplace_back(daemon).send(bytes);
  return clients;
}

// Serves a new client well, within a second.
void expect_good_service(const Daemon& daemon) {
  const auto start = steady_clock::now();
  EXPECT_EQ(status_of(daemon, get(daemon, "/")), 200);
  EXPECT_LT(since(start), milliseconds(1000));
  EXPECT_TRUE(daemon.alive());
}

// How much of one core the daemon takes while nothing but its clients' waiting goes on.
double share_of_core(const Daemon& daemon, milliseconds time) {
  const auto before = daemon.cpu_time();
  std::this_thread::sleep_for(time);
  return static_cast<double>((daemon.cpu_time() - before).count()) /
         static_cast<double>(time.count());
}

// The answers to the first hundred are sent; then the connection is closed while more is unread,
// which lets TCP lose what the client has not fetched.
TEST(HttpAttack, H10_OfAThousandRequestsAtOnceAHundredAreAnsweredInOrder) {
  const Daemon daemon(tcp_rules());
  std::string all;
  for (int number = 0; number < 1000; ++number)
    all += get(daemon, "/echo?" + std::to_string(number));
  Client client(daemon);
  client.send(all);

  int number = 0;
  for (auto answer = client.read(); answer.status != 0; answer = client.read())
    EXPECT_EQ(answer.body, "GET\n/echo\n" + std::to_string(number++) + "\n\n");
  EXPECT_LE(number, 100);
  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.requests == 100; }));
  expect_good_service(daemon);
}

TEST(HttpAttack, H10_ClientsThatEndOrResetTheirConnections) {
  const Daemon daemon(tcp_rules());
  EXPECT_EQ(Client(daemon).send(get(daemon, "/")).end().read().status, 200) << "half closed";
  EXPECT_EQ(Client(daemon).send("GET / HT").end().read().status, 0);
  EXPECT_EQ(Client(daemon).end().read().status, 0);

  for (int count = 0; count < 100; ++count) {
    Client client(daemon);
    client.send(get(daemon, "/bytes/1000000"));
    std::array<char, 1000> some{};
    EXPECT_GT(::recv(client.socket(), some.data(), some.size(), 0), 0);
    client.reset();
  }
  for (int count = 0; count < 100; ++count) Client(daemon).reset();
  expect_good_service(daemon);
}

TEST(HttpAttack, H16_BodiesThatEndTooSoonOrTooLate) {
  const Daemon daemon(unix_rules(), Family::Unix);
  const std::string all(std::size_t{64} * 1024 + 1, 'b');
  EXPECT_EQ(status_of(daemon, post("/echo", all)), 413);

  Client brief(daemon);
  brief.send("POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}");
  EXPECT_TRUE(brief.is_closed_within(kPatience * 3));
  EXPECT_EQ(
      Client(daemon).send("POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}").end().read().status,
      0);

  Client longer(daemon);
  longer.send("POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}{}{}{}\r\n\r\n");
  EXPECT_EQ(longer.read().body, "POST\n/echo\n\n\n{}");
  EXPECT_TRUE(longer.is_closed_within(kPatience / 2)) << "the rest is no request";
  EXPECT_EQ(status_of(daemon, post("/echo", "")), 200);
}

TEST(HttpAttack, H17_AByteNowAndThenDoesNotProlongARequest) {
  const Daemon daemon(tcp_rules());
  const auto request = get(daemon, "/", "X: " + std::string(1000, 'x') + "\r\n");
  Client slow(daemon);
  const auto start = steady_clock::now();

  std::size_t sent = 0;
  while (!slow.is_closed_within(milliseconds(10)) && since(start) < kPatience * 5)
    slow.send(request.substr(sent++, 1));

  EXPECT_GE(since(start), kPatience);
  EXPECT_LT(since(start), kPatience * 3);
  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.timed_out == 1; }));
}

TEST(HttpAttack, H17_TwoHundredSlowClientsDoNotStopOthers) {
  auto rules = tcp_rules();
  rules.request_timeout = std::chrono::hours(1);  // so that only eviction helps
  const Daemon daemon(rules);
  expect_good_service(daemon);
  const auto before = daemon.resident();
  auto slow = crowd(daemon, 200, "GET / HTTP/1.1\r\nHo");

  for (int round = 0; round < (is_full() ? 500 : 20); ++round) {
    for (auto& client : slow) client.send("s");
    expect_good_service(daemon);
    for (int returned = 0; returned < 20; ++returned) {  // those who were evicted come again
      slow.erase(slow.begin());
      slow.emplace_back(daemon).send("GET / HTTP/1.1\r\nHo");
    }
  }

  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.evicted > 136; }));
  if (!nvhook::test::kSanitized) {
    EXPECT_LT(daemon.resident(), before + 3 * kMiB);
  }
}

TEST(HttpAttack, H17_ClientsWhoseAnswerIsUnderWayAreNotEvicted) {
  auto rules = tcp_rules();
  rules.max_connections = 4;
  const Daemon daemon(rules);
  auto waiting = crowd(daemon, 4, get(daemon, "/later"));

  EXPECT_EQ(status_of(daemon, get(daemon, "/")), 200) << "in its turn";
  for (auto& client : waiting) EXPECT_EQ(client.read().status, 200);
}

TEST(HttpAttack, H17_ClientsThatLeaveWhileTheyWaitMakeRoom) {
  auto rules = tcp_rules();
  rules.max_connections = 4;
  rules.answer_timeout = std::chrono::hours(1);
  const Daemon daemon(rules);
  auto waiting = crowd(daemon, 4, get(daemon, "/never"));
  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.requests == 4; }));

  waiting[0].reset();
  waiting[1].end();
  waiting.erase(waiting.begin() + 2);

  for (int count = 0; count < 3; ++count) expect_good_service(daemon);
  EXPECT_LT(share_of_core(daemon, milliseconds(400)), 0.05);
  EXPECT_FALSE(waiting.back().is_closed_within(milliseconds(10))) << "it waits";
}

TEST(HttpAttack, H18_SlowBodies) {
  const Daemon daemon(unix_rules(), Family::Unix);
  Client slow(daemon);
  slow.send("POST /echo HTTP/1.1\r\nContent-Length: 60000\r\n\r\n");
  const auto start = steady_clock::now();

  while (!slow.is_closed_within(milliseconds(10)) && since(start) < kPatience * 5) slow.send("b");

  EXPECT_LT(since(start), kPatience * 3);
  EXPECT_EQ(status_of(daemon, post("/echo", "")), 200);
}

TEST(HttpAttack, H18_ClientsThatDoNotRead) {
  const Daemon daemon(tcp_rules());
  auto blind = crowd(daemon, 3, "");
  for (auto& client : blind) {
    const int least = 1;
    ::setsockopt(client.socket(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
    client.send(get(daemon, "/bytes/8000000"));
  }
  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.timed_out == 3; }));
  expect_good_service(daemon);
}

TEST(HttpAttack, H19_CrowdsThatConnectAndLeave) {
  const Daemon daemon(tcp_rules());
  expect_good_service(daemon);
  const auto before = daemon.resident();
  for (int count = 0; count < (is_full() ? 10'000 : 1'000); ++count) {
    Client visitor(daemon);
    ASSERT_GE(visitor.socket(), 0);
    if (count % 3 == 0) visitor.send("GET /");
    if (count % 2 == 0) visitor.reset();
  }
  expect_good_service(daemon);
  if (!nvhook::test::kSanitized) {
    EXPECT_LT(daemon.resident(), before + 3 * kMiB);
  }
}

constexpr rlim_t kMany = 1024;

void leave_few_descriptors() {
  const rlimit few{.rlim_cur = 24, .rlim_max = kMany};
  ::setrlimit(RLIMIT_NOFILE, &few);
}

TEST(HttpAttack, H19_WithoutDescriptorsTheSlowestGoes) {
  auto rules = tcp_rules();
  rules.request_timeout = std::chrono::hours(1);
  const Daemon daemon(rules, Family::Tcp, leave_few_descriptors);
  expect_good_service(daemon);  // a sanitizer wants descriptors when it sees a type first
  const auto slow = crowd(daemon, 100, "GET / HT");

  expect_good_service(daemon);
  EXPECT_LT(share_of_core(daemon, milliseconds(400)), 0.05);
  EXPECT_GT(daemon.counters().evicted, 70);
}

TEST(HttpAttack, H19_WithoutDescriptorsAndWithoutSlowOnesNewClientsAreTurnedAway) {
  auto rules = tcp_rules();
  rules.answer_timeout = milliseconds(1500);
  const Daemon daemon(rules, Family::Tcp, leave_few_descriptors);
  expect_good_service(daemon);
  const auto start = steady_clock::now();
  const auto waiting = crowd(daemon, 30, get(daemon, "/never"));

  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.turned_away > 0; }));
  EXPECT_LT(share_of_core(daemon, milliseconds(400)), 0.05);
  EXPECT_LT(since(start), rules.answer_timeout) << "they were still waiting";
  std::this_thread::sleep_for(rules.answer_timeout);
  expect_good_service(daemon);
}

TEST(HttpAttack, H19_WithDescriptorsAgainAndNobodyToEvictNewClientsWait) {
  auto rules = tcp_rules();
  rules.max_connections = 30;
  rules.answer_timeout = std::chrono::hours(1);
  const Daemon daemon(rules, Family::Tcp, leave_few_descriptors);
  expect_good_service(daemon);
  const auto some = crowd(daemon, 30, get(daemon, "/never"));
  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.turned_away > 0; }));

  const rlimit many{.rlim_cur = kMany, .rlim_max = kMany};
  ASSERT_EQ(::prlimit(daemon.pid(), RLIMIT_NOFILE, &many, nullptr), 0);
  const auto others = crowd(daemon, 30, get(daemon, "/never"));

  EXPECT_TRUE(daemon.counts([](const Counters& of) { return of.requests == 31; }));
  EXPECT_LT(share_of_core(daemon, milliseconds(400)), 0.05);
  EXPECT_TRUE(daemon.alive());
}

TEST(HttpAttack, H20_Garbage) {
  const Daemon daemon(tcp_rules());
  expect_good_service(daemon);
  const auto before = daemon.resident();
  std::string garbage(kMiB, '\0');
  unsigned state = 1;
  for (auto& byte : garbage) {
    state = state * 1'664'525 + 1'013'904'223;  // Numerical Recipes' generator
    byte = static_cast<char>(state >> 24);
  }
  const auto end = steady_clock::now() + milliseconds(is_full() ? 10'000 : 500);
  for (std::size_t turn = 0; steady_clock::now() < end; ++turn) {
    const auto from = turn * 7919 % garbage.size();
    Client(daemon).send(std::string_view(garbage).substr(from));
    Client(daemon)
        .send(get(daemon, "/").substr(0, turn % 40))
        .send(std::string_view(garbage).substr(from));
  }
  expect_good_service(daemon);
  if (!nvhook::test::kSanitized) {
    EXPECT_LT(daemon.resident(), before + 3 * kMiB);
  }
}

TEST(HttpAttack, H22_NothingThatIsSentIsPrinted) {
  const UniqueFd printed(::memfd_create("printed", MFD_CLOEXEC));
  const Daemon daemon(tcp_rules(), Family::Tcp, [&] {
    ::dup2(printed.get(), STDOUT_FILENO);
    ::dup2(printed.get(), STDERR_FILENO);
  });
  for (const auto* bytes :
       {"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /%0d%0aError HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \x1b]0;evil\a\r\n\r\n", "GET /\n\x1b\n\n", "\x1b[2J\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \x1b[31m\r\n\r\n"})
    EXPECT_NE(status_of(daemon, bytes), 200);
  expect_good_service(daemon);

  EXPECT_EQ(::lseek(printed.get(), 0, SEEK_END), 0);
}

TEST(HttpAttack, V06_OtherUsersAreNotHeard) {
  auto rules = unix_rules();
  rules.only_user = ::geteuid();
  const Daemon ours(rules, Family::Unix);
  EXPECT_EQ(status_of(ours, post("/echo", "")), 200);

  rules.only_user = ::geteuid() + 1;
  const Daemon another(rules, Family::Unix);
  Client client(another);
  EXPECT_TRUE(client.send(post("/echo", "")).is_closed_within(kPatience));
  EXPECT_TRUE(another.counts([](const Counters& of) { return of.turned_away == 1; }));
  EXPECT_EQ(another.counters().accepted, 0);
}

TEST(HttpAttack, V08_DescriptorsThatAreSentAlongAreClosed) {
  const Daemon daemon(unix_rules(), Family::Unix);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  Client client(daemon);
  auto request = post("/echo", "{}");
  constexpr std::size_t kMost = 253;  // SCM_MAX_FD of the kernel
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> control{};
  iovec bytes{.iov_base = request.data(), .iov_len = request.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(kMost * sizeof(int));
  const std::vector<int> ends(kMost, pipe[1]);
  std::memcpy(CMSG_DATA(header), ends.data(), kMost * sizeof(int));
  ASSERT_GT(::sendmsg(client.socket(), &message, 0), 0);
  ::close(pipe[1]);

  EXPECT_EQ(client.read().body, "POST\n/echo\n\n\n{}");
  char nothing = 0;
  EXPECT_EQ(::read(pipe[0], &nothing, 1), 0) << "nobody has the other end";
  ::close(pipe[0]);
}

}  // namespace
}  // namespace nvhook::http::test
