// SPDX-License-Identifier: Apache-2.0
// Where nobody answers. What systemd answers is shown by tests/integration/scope_test.cpp.
#include "nvhook/systemd/manager.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "nvhook/base/unique_fd.hpp"
#include "support/fake_root.hpp"

namespace nvhook::systemd {
namespace {

using std::chrono::milliseconds;
using test::FakeRoot;
using ::testing::HasSubstr;

constexpr milliseconds kLong{50};

Order order() { return {.scope = "c1.scope", .nodes = {{"/dev/nvidia0", {195, 0}}}}; }

// A socket at which callers are taken in and left alone.
UniqueFd silent_at(const std::string& path) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  EXPECT_EQ(::listen(listener.get(), 10), 0);
  return listener;
}

TEST(Manager, TriesUntilTheDeadlineWhereNobodyListens) {
  FakeRoot folder;
  Manager manager("unix:path=" + folder.on_disk("/private").string());
  const auto deadline = Clock::now() + kLong;

  const auto reply = manager.allow_devices(order(), deadline);

  EXPECT_EQ(reply.kind, Reply::Kind::NoAnswer);
  EXPECT_THAT(reply.reason, HasSubstr("No such file or directory"));
  EXPECT_GE(Clock::now(), deadline - milliseconds(20));
}

TEST(Manager, GivesUpOnSomebodyWhoSaysNothing) {
  FakeRoot folder;
  const auto path = folder.on_disk("/private").string();
  const auto listener = silent_at(path);
  Manager manager("unix:path=" + path);

  EXPECT_FALSE(manager.prepare(milliseconds(1)));
  const auto reply = manager.allow_devices(order(), Clock::now() + kLong);

  EXPECT_EQ(reply.kind, Reply::Kind::NoAnswer);
  EXPECT_THAT(reply.reason, HasSubstr("does not answer"));
}

TEST(Manager, NeedsNobodyToPrepareItself) {
  Manager manager("unix:path=/nowhere/at/all");

  EXPECT_TRUE(manager.prepare(kLong));
}

}  // namespace
}  // namespace nvhook::systemd
