// SPDX-License-Identifier: Apache-2.0
// That the test containers are what they are asked to be: a test of an attack would show nothing if
// its scene were not there.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "attack/attack.hpp"
#include "attack/disturbance.hpp"
#include "attack/racer.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class Harness : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    root_.directory("/proc").directory("/dev").file("/file", "text").file("/program");
    fs::copy_file(NVHOOK_PROBE, root_.on_disk("/program"), fs::copy_options::overwrite_existing);
    fs::permissions(root_.on_disk("/program"), fs::perms{04755});
  }

  // What the first program of such a container can do to a path.
  nlohmann::json probe(const std::string& path, const TestContainer::Options& options) {
    TestContainer container(root_.on_disk(), options);
    const auto said = nlohmann::json::parse(container.start({NVHOOK_PROBE, path}));
    EXPECT_EQ(said["user"], 0);
    return said["paths"][0];
  }

  FakeRoot root_;
};

TEST_F(Harness, StartsAProgramInTheContainersRoot) {
  const auto file = probe("/file", {});

  EXPECT_EQ(file["path"], "/file");
  EXPECT_EQ(file["read"], "ok");
  EXPECT_EQ(file["write"], "ok");
  EXPECT_EQ(file["flags"].size(), 0U);
  EXPECT_EQ(probe(root_.on_disk("/file").string(), {})["read"], "ENOENT") << "a path of the host";
}

TEST_F(Harness, MountsTheRootWithTheFlagsAskedFor) {
  const auto file = probe("/file", {.root_flags = MS_RDONLY | MS_NOEXEC});

  EXPECT_THAT(file["flags"], ElementsAre("ro", "noexec"));
  EXPECT_EQ(file["write"], "EROFS");
  EXPECT_EQ(file["clear"], "EINVAL") << "it is no mount of its own";
}

TEST_F(Harness, TellsWhetherSetUserIdIsHonoured) {
  EXPECT_EQ(probe("/program", {})["executed_as"], 0);
  EXPECT_EQ(probe("/program", {.root_flags = MS_NOSUID})["executed_as"], 1000);
}

TEST_F(Harness, TakesFlagsAwayWhereTheKernelLetsIt) {
  const std::vector<std::pair<std::string, std::string>> volumes = {
      {root_.on_disk("/file").string(), "/file"}};
  const auto read_only = [](const fs::path& rootfs) {
    return ::mount(nullptr, (rootfs / "file").c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY,
                   nullptr);
  };

  const auto file = probe("/file", {.volumes = volumes, .further = read_only});

  EXPECT_THAT(file["flags"], ElementsAre("ro"));
  EXPECT_EQ(file["write"], "EROFS");
  EXPECT_EQ(file["clear"], "ok");
  EXPECT_EQ(file["write_after"], "ok");
}

TEST_F(Harness, GivesAContainerAUserNamespace) {
  const auto options =
      TestContainer::Options{.user_namespace = TestContainer::UserNamespace::from(100'000, 65536)};
  const TestContainer container(root_.on_disk(), options);
  const auto process = fs::path("/proc") / std::to_string(container.pid());

  EXPECT_NE(fs::read_symlink(process / "ns/user"), fs::read_symlink("/proc/self/ns/user"));
  EXPECT_NE(fs::read_symlink(process / "ns/pid"), fs::read_symlink("/proc/self/ns/pid"));
  EXPECT_EQ(probe("/file", options)["write"], "EACCES") << "it is another's file";
}

TEST_F(Harness, LeavesAnUnmappedRootNobody) {
  const TestContainer::UserNamespace ids = {.users = {{1, 100'001, 10}}, .groups = {}};

  const TestContainer container(root_.on_disk(), {.user_namespace = ids});

  EXPECT_GT(container.pid(), 1);
}

TEST_F(Harness, TellsThatSomebodyDisturbsTheMachine) {
  root_.directory("/one").directory("/other");
  const Racer racer({Swap::Exchange, root_.on_disk("/one"), root_.on_disk("/other")});

  bool disturbed = false;
  for (int tries = 0; tries < 20 && !disturbed; ++tries) disturbed = is_disturbed();

  EXPECT_TRUE(disturbed);
}

TEST_F(Harness, GivesAContainerAPidNamespace) {
  const TestContainer container(root_.on_disk(), {.pid_namespace = true});

  EXPECT_TRUE(fs::exists(container.inside("/proc/1")));
  EXPECT_FALSE(fs::exists(container.inside("/proc/" + std::to_string(::getpid()))));
}

}  // namespace
}  // namespace nvhook::test
