// SPDX-License-Identifier: Apache-2.0
// Sockets and directories of this host as sources, on each kind of kernel.
#include "apply/capture.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>

#include "apply/placer_in.hpp"

namespace nvhook::apply {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto kSocket = "/run/daemon/socket";
constexpr auto kDirectory = "/tmp/pipes";

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  EXPECT_LT(path.size(), sizeof address.sun_path);
  std::ranges::copy(path, static_cast<char*>(address.sun_path));
  return address;
}

class CaptureFor : public PlacerIn {
 protected:
  void SetUp() override {
    PlacerIn::SetUp();
    if (IsSkipped()) return;
    host_.directory("/run/daemon").directory(kDirectory);
    fs::permissions(host_.on_disk("/run/daemon"), fs::perms{0755});
    fs::permissions(host_.on_disk(kDirectory), fs::perms{0755});
    ASSERT_EQ(::chmod(host_.on_disk("/tmp").c_str(), 01777), 0);
    server_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = address_of(host_.on_disk(kSocket));
    ASSERT_EQ(::bind(server_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    ASSERT_EQ(::listen(server_.get(), 1), 0);
  }

  Result<mount::Source> capture(plan::Kind kind, const std::string& path) {
    const plan::Mount mount{.kind = kind,
                            .capability = std::nullopt,
                            .state = plan::State::Mount,
                            .reason = {},
                            .source = {host_.on_disk(path).string()},
                            .target = {},
                            .options = kSocketMount};
    auto capturer = Capturer::open(Capturer::OwnerView::Host);
    if (!capturer) return std::unexpected(std::move(capturer).error());
    const UniqueFd here(::open("/", O_PATH | O_CLOEXEC));
    return capturer->capture(mount, {}, GetParam(), here.get());
  }

  [[nodiscard]] std::string refusal(plan::Kind kind, const std::string& path) {
    const auto captured = capture(kind, path);
    return captured ? "none" : captured.error().text();
  }

  UniqueFd server_;
};

TEST_P(CaptureFor, ASocketThatTheContainerCanConnectTo) {
  auto source = capture(plan::Kind::Socket, kSocket);
  ASSERT_TRUE(source) << source.error().text();
  root_.directory("/run");

  const auto done = placer().place_mount(std::move(*source), {"/run/socket"});

  ASSERT_TRUE(done) << done.error().text();
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(path("/run/socket"));
  EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << errno;
  struct statvfs facts {};
  ASSERT_EQ(::statvfs(path("/run/socket").c_str(), &facts), 0);
  EXPECT_EQ(facts.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC),
            ST_NOSUID | ST_NODEV | ST_NOEXEC);
}

TEST_P(CaptureFor, ADirectoryThatTheContainerCanWriteTo) {
  auto source = capture(plan::Kind::Directory, kDirectory);
  ASSERT_TRUE(source) << source.error().text();
  root_.directory("/tmp");
  const auto before = snapshot();

  const auto done = placer().place_directory(std::move(*source), {"/tmp/pipes"});

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(placer().verify());
  EXPECT_EQ(::mkdir(path("/tmp/pipes/client").c_str(), 0700), 0);
  EXPECT_TRUE(fs::exists(host_.on_disk("/tmp/pipes/client")));
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

// An image may have a link that leads there for something else that is placed.
TEST_P(CaptureFor, NothingOfOursInADirectoryOfTheHost) {
  auto source = capture(plan::Kind::Directory, kDirectory);
  ASSERT_TRUE(source) << source.error().text();
  root_.directory("/tmp/pipes");
  ASSERT_TRUE(placer().place_directory(std::move(*source), {"/tmp/pipes"}));

  for (const std::string path : {"/tmp/pipes/file", "/tmp/pipes/more/file"}) {
    const auto done = placer().place_file({path}, "ours");
    ASSERT_FALSE(done) << path;
    EXPECT_EQ(done.error().id(), ErrorId::DstForeignMount);
  }

  EXPECT_TRUE(fs::is_empty(host_.on_disk(kDirectory)));
  EXPECT_TRUE(placer().verify());
}

TEST_P(CaptureFor, NoSocketWhereOthersPutTheirs) {
  fs::permissions(host_.on_disk("/run/daemon"), fs::perms{0777});

  EXPECT_THAT(refusal(plan::Kind::Socket, kSocket), HasSubstr("E_SRC_TRUST"));
}

TEST_P(CaptureFor, NoSocketOfRootsThatADaemonsUserHasLinked) {
  ASSERT_EQ(::chown(host_.on_disk("/run/daemon").c_str(), 143, 143), 0);

  EXPECT_THAT(refusal(plan::Kind::Socket, kSocket),
              HasSubstr("belongs to another user than its directory"));
}

TEST_P(CaptureFor, NoLinkInTheirPlaces) {
  host_.symlink("/run/daemon/link", host_.on_disk(kSocket).string())
      .symlink("/tmp/link", host_.on_disk(kDirectory).string());

  EXPECT_THAT(refusal(plan::Kind::Socket, "/run/daemon/link"), HasSubstr("is not a socket"));
  EXPECT_THAT(refusal(plan::Kind::Directory, "/tmp/link"), HasSubstr("is not a directory"));
}

TEST_P(CaptureFor, NoDirectoryThatSomebodyHasPlanted) {
  ASSERT_EQ(::chown(host_.on_disk(kDirectory).c_str(), 1000, 1000), 0);

  EXPECT_THAT(refusal(plan::Kind::Directory, kDirectory), HasSubstr("E_SRC_TRUST"));
}

TEST_P(CaptureFor, NothingThatIsGone) {
  EXPECT_THAT(refusal(plan::Kind::Socket, "/run/daemon/other"), HasSubstr("E_SRC_CHANGED"));
  EXPECT_THAT(refusal(plan::Kind::Directory, "/tmp/other"), HasSubstr("E_SRC_CHANGED"));
}

TEST_P(CaptureFor, NoLibraryThatHasBecomeSomethingElse) {
  host_.file("/run/daemon/real", "of the host")
      .symlink("/run/daemon/link.so", "real")
      .directory("/run/daemon/directory.so");

  EXPECT_EQ(refusal(plan::Kind::Library, "/run/daemon/real"), "none");
  EXPECT_THAT(refusal(plan::Kind::Library, "/run/daemon/link.so"), HasSubstr("E_SRC_CHANGED"));
  EXPECT_THAT(refusal(plan::Kind::Library, "/run/daemon/gone.so"), HasSubstr("E_SRC_CHANGED"));
  EXPECT_THAT(refusal(plan::Kind::Library, "/run/daemon/directory.so"), HasSubstr("E_SRC_TRUST"));
  EXPECT_THAT(refusal(plan::Kind::Device, "/run/daemon/real"), HasSubstr("E_NODE_TYPE"));
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, CaptureFor, test::kEachTier,
                         [](const auto& tested) { return test::name_of(tested.param); });

}  // namespace
}  // namespace nvhook::apply
