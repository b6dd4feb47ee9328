// SPDX-License-Identifier: Apache-2.0
// Sockets and files that the daemon makes, and what it leaves alone.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "nvhook/companion/listen.hpp"
#include "support/fake_root.hpp"

namespace nvhook::companion {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string content_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class PluginSocketIn : public ::testing::Test {
 protected:
  PluginSocketIn() {
    scratch_.directory("/run");
    directory_ = scratch_.on_disk("/run");
    fs::permissions(directory_, fs::perms::owner_all);
    file_ = directory_ / kSocketName;
  }

  // That is refused, and leaves everything as it is.
  void expect_refusal(const char* why) {
    const auto made = PluginSocket::make(directory_);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().id(), ErrorId::Listen);
    EXPECT_THAT(made.error().message(), HasSubstr(why));
  }

  // A connection; -1 if nobody listens.
  [[nodiscard]] UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    file_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return {};
    return fd;
  }

  test::FakeRoot scratch_;
  fs::path directory_, file_;
};

TEST_F(PluginSocketIn, ListensForRootAlone) {
  auto made = PluginSocket::make(directory_ / "docker/plugins");
  ASSERT_TRUE(made) << made.error().text();
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "docker/plugins" / kSocketName).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFSOCK | S_IRUSR | S_IWUSR);
  ASSERT_EQ(::stat((directory_ / "docker/plugins").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFDIR | S_IRWXU);

  made->remove();
  EXPECT_FALSE(fs::exists(directory_ / "docker/plugins" / kSocketName));
}

TEST_F(PluginSocketIn, ReplacesWhatADeadDaemonHasLeft) {
  {
    const auto dead = PluginSocket::make(directory_);
    ASSERT_TRUE(dead);
  }
  ASSERT_TRUE(fs::exists(file_));
  ASSERT_FALSE(connect());

  const auto made = PluginSocket::make(directory_);

  ASSERT_TRUE(made) << made.error().text();
  EXPECT_TRUE(connect());
}

TEST_F(PluginSocketIn, V07_IsNotTakenFromALiveDaemon) {
  const auto live = PluginSocket::make(directory_);
  ASSERT_TRUE(live);

  expect_refusal("another process listens there");

  EXPECT_TRUE(connect());
}

TEST_F(PluginSocketIn, V07_LeavesAFileOrALinkAtItsName) {
  std::ofstream(file_) << "mine";
  expect_refusal("is left as it is");
  EXPECT_EQ(content_of(file_), "mine");

  fs::remove(file_);
  fs::create_symlink("/etc/passwd", file_);
  expect_refusal("is left as it is");
  EXPECT_EQ(fs::read_symlink(file_), "/etc/passwd");
}

TEST_F(PluginSocketIn, V07_IsNotMadeWhereOthersCouldTakeItsPlace) {
  fs::permissions(directory_, fs::perms::all);
  expect_refusal("others than root can change the directory");
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(PluginSocketIn, IsNotMadeUnderAFile) {
  std::ofstream(directory_ / "file") << "";

  const auto made = PluginSocket::make(directory_ / "file/sub");

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(), "listen unix " + (directory_ / "file/sub").string() +
                                        "/nvidia-docker.sock: bind: not a directory");
}

TEST_F(PluginSocketIn, IsRemovedOnlyWhileItIsTheSame) {
  auto first = PluginSocket::make(directory_);
  ASSERT_TRUE(first);
  fs::remove(file_);
  const auto second = PluginSocket::make(directory_);
  ASSERT_TRUE(second);

  first->remove();

  EXPECT_TRUE(connect());
}

TEST(TcpSocket, SaysWhatIsInItsWay) {
  // A port of the kernel's choice, taken.
  const UniqueFd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(taken.get(), 1), 0);
  ASSERT_EQ(::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  Endpoint endpoint;
  endpoint.address = {.host = "127.0.0.1", .port = ntohs(address.sin_port), .loopback = true};

  const auto refused = listen_at(endpoint);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "listen tcp 127.0.0.1:" + std::to_string(endpoint.address.port) +
                ": bind: address already in use");

  endpoint.address.host = "127.0.0.2";
  EXPECT_TRUE(listen_at(endpoint));
}

TEST(SpecFileOf, APluginNamesItsSocketAndGoes) {
  test::FakeRoot scratch;
  const auto path = scratch.on_disk("/etc/docker/plugins/nvidia-docker.spec");

  auto spec = SpecFile::write(path, "/var/lib/nvidia-docker");
  ASSERT_TRUE(spec) << spec.error().text();
  EXPECT_EQ(content_of(path), "unix:///var/lib/nvidia-docker/nvidia-docker.sock\n");

  spec->remove();
  EXPECT_FALSE(fs::exists(path));
}

TEST(SpecFileOf, SomebodyElseStays) {
  test::FakeRoot scratch;
  const auto path = scratch.on_disk("/nvidia-docker.spec");
  auto spec = SpecFile::write(path, "/s");
  ASSERT_TRUE(spec) << spec.error().text();
  std::ofstream(path) << "unix:///another.sock\n";

  spec->remove();

  EXPECT_EQ(content_of(path), "unix:///another.sock\n");
}

}  // namespace
}  // namespace nvhook::companion
