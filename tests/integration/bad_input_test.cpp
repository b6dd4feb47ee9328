// SPDX-License-Identifier: Apache-2.0
// Whatever is wrong, the hook ends with the documented status and one line, and changes nothing.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>

#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BadInput : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    container_ = std::make_unique<TestContainer>(bundle_.root().on_disk());
    before_ = container_->snapshot();
  }

  // One line, the id, the status, and nothing changed.
  void expect_refusal(const Finished& finished, int status, const std::string& id) {
    EXPECT_EQ(finished.status, status) << finished.err;
    EXPECT_THAT(finished.err, StartsWith("nvhook: " + id + ": "));
    EXPECT_EQ(std::ranges::count(finished.err, '\n'), 1) << finished.err;
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(container_->changes_since(before_), "");
  }

  Finished with_state(const std::string& state) {
    return run(nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}), state);
  }
  Finished with_config(const std::string& text) {
    FakeRoot bundle;
    bundle.file("/config.json", text);
    return with_state(container_->state(bundle.on_disk()));
  }

  Bundle bundle_;
  std::unique_ptr<TestContainer> container_;
  std::vector<std::string> before_;
};

TEST_F(BadInput, StateWithFieldsMissingOrOfTheWrongType) {
  for (const std::string text : {"[]", "null", R"({"id":"a","pid":2,"status":"creating"})",
                                 R"({"id":1,"pid":2,"bundle":"/b","status":"creating"})",
                                 R"({"id":"a","pid":2,"bundle":"b","status":"creating"})"})
    expect_refusal(with_state(text), 2, "E_STATE_FIELD");
}

TEST_F(BadInput, ConfigWithWrongTypes) {
  for (
      const std::string text :
      {R"({"ociVersion":"1.0.2","root":{"path":7},"process":{"env":["NVIDIA_VISIBLE_DEVICES=all"]}})",
       R"({"ociVersion":"1.0.2","root":{"path":"r"},"process":{"env":"NVIDIA_VISIBLE_DEVICES=all"}})",
       R"({"ociVersion":"1.0.2","process":{"env":["NVIDIA_VISIBLE_DEVICES=all"]}})"})
    expect_refusal(with_config(text), 2, "E_STATE_FIELD");
}

TEST_F(BadInput, HostWithoutADriver) {
  FakeRoot host;
  host.directory("/proc").directory("/sys");
  bundle_.write();
  expect_refusal(run(nvhook_on(host.on_disk(), {"prestart"}), container_->state(bundle_.path())), 3,
                 "E_DRIVER_ABSENT");
}

TEST_F(BadInput, HostWithHalfADriver) {
  FakeRoot host;
  fs::copy(NVHOOK_SIMULATED_HOST "/proc", host.on_disk("/proc"), fs::copy_options::recursive);
  fs::copy(NVHOOK_SIMULATED_HOST "/sys", host.on_disk("/sys"), fs::copy_options::recursive);
  bundle_.write();
  auto arguments = nvhook_on(host.on_disk(), {"prestart"});
  arguments[4] = NVHOOK_SIMULATED_HOST;  // the nodes are there
  expect_refusal(run(arguments, container_->state(bundle_.path())), 3, "E_DRIVER_INCOMPLETE");
}

TEST_F(BadInput, RootFileSystemThatIsABindOfTheHosts) {
  bundle_.root().directory("/host");
  container_.reset();
  container_ = std::make_unique<TestContainer>(bundle_.root().on_disk(),
                                               TestContainer::Options{.volumes = {{"/", "/host"}}});
  bundle_.config["root"]["path"] = bundle_.root().on_disk("/host").string();
  bundle_.write();

  // Not compared in full: that would be this whole machine.
  const auto done =
      run(nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}), container_->state(bundle_.path()));
  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_ROOTFS: "));
}

class BadTarget : public BadInput {};

TEST_F(BadTarget, DirectoryLinkFifoOrDeviceWhereALibraryIsDue) {
  const auto target = std::string(kLibraryDirectory) + "/libcuda.so.550.54.14";
  const auto on_disk = bundle_.root().on_disk(target);
  const std::vector<std::function<void()>> obstacles = {
      [&] { fs::create_directory(on_disk); },
      [&] { fs::create_symlink("/etc/debian_version", on_disk); },
      [&] { ASSERT_EQ(::mkfifo(on_disk.c_str(), 0600), 0); },
      [&] { ASSERT_EQ(::mknod(on_disk.c_str(), S_IFCHR | 0666, makedev(1, 3)), 0); }};
  for (const auto& make : obstacles) {
    make();
    before_ = container_->snapshot();
    expect_refusal(bundle_.hook(*container_), 4, "E_DST_TYPE");
    fs::remove(on_disk);
  }
}

TEST_F(BadTarget, LinkThatLoops) {
  fs::remove(bundle_.root().on_disk(kLibraryDirectory));
  bundle_.root().symlink(kLibraryDirectory, "x86_64-linux-gnu");
  before_ = container_->snapshot();

  expect_refusal(bundle_.hook(*container_), 4, "E_DST_RESOLVE");
}

TEST_F(BadTarget, DirectoryOnProcfs) {
  for (const auto* link : {"/proc", "/proc/1/root", "/proc/self/cwd"}) {
    fs::remove(bundle_.root().on_disk(kLibraryDirectory));
    bundle_.root().symlink(kLibraryDirectory, link);
    before_ = container_->snapshot();
    expect_refusal(bundle_.hook(*container_), 4, "E_DST_FOREIGN_MOUNT");
  }
}

TEST_F(BadInput, StageWhereItCannotWork) {
  bundle_.write();
  expect_refusal(bundle_.hook(*container_, {"createContainer"}), 2, "E_STAGE");
  expect_refusal(bundle_.hook(*container_, {"--dry-run", "createContainer"}), 2, "E_STAGE");
}

TEST_F(BadInput, CommandLine) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--frobnicate"},
                                                    {"dance"},
                                                    {"--format", "json"},
                                                    {"--dry-run", "--format", "xml"},
                                                    {"--bundle", "/b"}})
    expect_refusal(run(nvhook_on(NVHOOK_SIMULATED_HOST, arguments)), 64, "E_USAGE");
}

TEST_F(BadInput, ConfigurationFile) {
  FakeRoot etc;
  etc.file("/bad.toml", "[roots]\ndriver = 7\n").file("/syntax.toml", "[roots\n");
  for (const auto* name : {"/bad.toml", "/syntax.toml", "/missing.toml"})
    expect_refusal(bundle_.hook(*container_, {"--config", etc.on_disk(name)}), 2, "E_CONFIG");
}

}  // namespace
}  // namespace nvhook::test
