// SPDX-License-Identifier: Apache-2.0
// A systemd that does not answer holds up no container, and reads of its GPU later.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "integration/scope_test.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto kReached = "/run/reached";  // by the container's start
constexpr auto kGoOn = "/run/go-on";

// systemd makes the container's scope, and is stopped before nvhook runs.
class ScopeOfAStoppedSystemd : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    if (IsSkipped()) return;
    container_ = new_container(Engine::Runc);
    container_->use_hook(kHook);
    const std::string waiting =
        std::string("touch ") + kReached + "; until [ -e " + kGoOn + " ]; do sleep 0.01; done";
    const nlohmann::json first = {{"path", "/bin/sh"},
                                  {"args", {"sh", "-c", waiting}},
                                  {"env", {"PATH=/usr/bin:/bin"}},
                                  {"timeout", 60}};
    auto& hooks = container_->config["hooks"]["createRuntime"];
    hooks.insert(hooks.begin(), first);

    auto started = std::async(std::launch::async, [&] { return container_->start(); });
    EXPECT_TRUE(becomes_true([&] { return fs::exists(machine_->file(kReached)); }));
    EXPECT_EQ(::kill(machine_->init(), SIGSTOP), 0);
    std::ofstream(machine_->file(kGoOn)) << "go";
    const auto done = started.get();
    ASSERT_EQ(done.status, 0) << done.err;
    ASSERT_EQ(container_->access(), kHasItsGpu);
  }
  void TearDown() override {
    if (IsSkipped()) return;
    go_on();
    container_.reset();
    for (const auto* file : {kReached, kGoOn}) fs::remove(machine_->file(file));
  }
  static void go_on() { EXPECT_EQ(::kill(machine_->init(), SIGCONT), 0); }
  [[nodiscard]] fs::path drop_in() const {
    return machine_->file("/run/systemd/transient/" + container_->scope() + ".d/50-nvhook.conf");
  }

  std::unique_ptr<ScopeContainer> container_;
};

TEST_F(ScopeOfAStoppedSystemd, IsNotHeldUpAndTakenUpWhenItGoesOn) {
  EXPECT_FALSE(fs::exists(drop_in()));  // not yet

  go_on();

  wait_until_told(*container_);
  reload();
  EXPECT_EQ(container_->access(), kHasItsGpu);
}

TEST_F(ScopeOfAStoppedSystemd, IsLeftWordForItsNextReload) {
  // Somebody tries it by hand, too, and is told.
  const auto by_hand = machine_->sh("/usr/local/bin/nvhook-systemd " + container_->scope() +
                                    " /dev/nvidia0 /dev/nvidiactl");
  EXPECT_EQ(by_hand.status, 5);
  EXPECT_THAT(by_hand.err, HasSubstr("it will read of them with its next daemon-reload"));
  ASSERT_TRUE(becomes_true([&] { return fs::exists(drop_in()); }));

  go_on();

  for (const auto* occasion : {"daemon-reload", "daemon-reexec", "daemon-reload"}) {
    systemctl(occasion);
    EXPECT_EQ(container_->access(), kHasItsGpu) << occasion;
  }
  const auto complaint = "W_SYSTEMD: systemd may not know that \"" + container_->scope();
  EXPECT_TRUE(becomes_true([&] {
    return machine_->sh("journalctl -t nvhook-systemd").out.find(complaint) != std::string::npos;
  }));
  container_->end();
  EXPECT_TRUE(becomes_true([&] { return !fs::exists(drop_in().parent_path()); }));
}

}  // namespace
}  // namespace nvhook::test
