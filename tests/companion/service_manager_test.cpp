// SPDX-License-Identifier: Apache-2.0
// systemd's protocol: each in a process of its own, for sockets come as descriptors from 3 on.
#include "nvhook/companion/service_manager.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "nvhook/base/close_from.hpp"
#include "support/child.hpp"
#include "support/fake_root.hpp"

namespace nvhook::companion {
namespace {

using ::testing::HasSubstr;

void put_listening(int family, int fd) {
  const int socket = ::socket(family, SOCK_STREAM, 0);
  if (family == AF_UNIX) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t));  // any name
  }
  ::listen(socket, 1);
  ::dup2(socket, fd);
  if (socket != fd) ::close(socket);
}

// What `speak` returns in a child whose descriptors from 3 on are free.
std::string said_with_free_descriptors(const std::function<std::string()>& speak) {
  test::FakeRoot scratch;
  const auto file = scratch.on_disk("/said");
  const pid_t child = ::fork();
  if (child == 0) {
    const bool free = close_from(3);
    const auto said = free ? speak() : std::string("close_from");
    std::ofstream(file) << said;
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  std::ostringstream said;
  said << std::ifstream(file).rdbuf();
  return said.str();
}

// What is taken of these sockets under these names.
std::string taken(const std::vector<int>& families, const char* names, bool ours = true) {
  return said_with_free_descriptors([&] {
    for (std::size_t i = 0; i < families.size(); ++i)
      put_listening(families[i], static_cast<int>(i) + 3);
    ::setenv("LISTEN_FDS", std::to_string(families.size()).c_str(), 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid() + (ours ? 0 : 1)).c_str(), 1);
    if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
    const auto inherited = take_sockets(read_service_manager());
    if (!inherited) return inherited.error().text();
    const auto shown = [](const UniqueFd& fd) {
      if (!fd) return std::string("none");
      const bool right = (::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0 &&
                         ::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC;
      return std::to_string(fd.get()) + (right ? "" : " as it was");
    };
    return "rest " + shown(inherited->rest) + ", plugin " + shown(inherited->plugin);
  });
}

TEST(InheritedSockets, AreToldByTheirNames) {
  EXPECT_EQ(taken({AF_UNIX, AF_INET}, "plugin:rest"), "rest 4, plugin 3");
  EXPECT_EQ(taken({AF_INET6}, "rest"), "rest 3, plugin none");
}

TEST(InheritedSockets, AreToldByWhatTheyAreWithoutNames) {
  EXPECT_EQ(taken({AF_INET, AF_UNIX}, nullptr), "rest 3, plugin 4");
  EXPECT_EQ(taken({AF_INET}, "nvhook-companion.socket"), "rest 3, plugin none");
}

TEST(InheritedSockets, OfAnotherProcessAreNone) {
  EXPECT_EQ(taken({AF_UNIX, AF_INET}, "plugin:rest", false), "rest none, plugin none");
}

TEST(InheritedSockets, ThatAreWrongAreRefused) {
  EXPECT_THAT(taken({AF_UNIX, AF_INET}, "rest:plugin"), HasSubstr("E_LISTEN"));
  EXPECT_THAT(taken({AF_INET, AF_INET}, "rest:rest"), HasSubstr("two sockets were handed over"));
  const auto file = said_with_free_descriptors([] {
    if (::open("/dev/null", O_RDONLY) != 3) return std::string("no descriptor");
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    const auto inherited = take_sockets(read_service_manager());
    return inherited ? std::string("taken") : inherited.error().text();
  });
  EXPECT_THAT(file, HasSubstr("is none that listens"));
}

TEST(ServiceManagerOf, AProcessSaysHowOftenItWantsToHear) {
  const auto watchdog = [](const char* interval, int other) {
    return test::said_by_child([&] {
      ::setenv("WATCHDOG_USEC", interval, 1);
      ::setenv("WATCHDOG_PID", std::to_string(::getpid() + other).c_str(), 1);
      const auto manager = read_service_manager();
      return manager.watchdog ? std::to_string(manager.watchdog->count()) : std::string("never");
    });
  };
  EXPECT_EQ(watchdog("10000000", 0), "10000000");
  EXPECT_EQ(watchdog("10000000", 1), "never");
  EXPECT_EQ(watchdog("-1", 0), "never");
  EXPECT_EQ(watchdog("ten", 0), "never");
}

TEST(Notifier, TellsASocketByPathOrAbstractName) {
  test::FakeRoot scratch;
  scratch.directory("/run");
  for (const auto& name :
       {scratch.on_disk("/run/notify").string(), "@nvhook-" + std::to_string(::getpid())}) {
    const UniqueFd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(manager.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << name;

    Notifier(name).tell("READY=1");

    std::string heard(64, '\0');
    const auto got = ::recv(manager.get(), heard.data(), heard.size(), MSG_DONTWAIT);
    ASSERT_GT(got, 0) << name;
    heard.resize(static_cast<std::size_t>(got));
    EXPECT_EQ(heard, "READY=1");
  }
}

TEST(Notifier, IsQuietWithoutAnybodyToTell) {
  Notifier("").tell("READY=1");
  Notifier("/nowhere/at/all").tell("READY=1");
  Notifier(std::string(200, '/')).tell("READY=1");
}

}  // namespace
}  // namespace nvhook::companion
