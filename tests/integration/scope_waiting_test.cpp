// SPDX-License-Identifier: Apache-2.0
// Where systemd does not answer it holds up no container, and learns of its GPU later.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "integration/scope_test.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kReached = "/run/reached";  // by the container's start
constexpr auto kGoOn = "/run/go-on";

// What nvhook-systemd has said when nvhook had ended.
std::string journal(const BootedMachine& machine) {
  return machine.sh("journalctl -t nvhook-systemd").out;
}

// Its start pauses when systemd has made its scope, before nvhook runs.
class PausedContainer {
 public:
  PausedContainer(const BootedMachine& machine, std::unique_ptr<ScopeContainer> container)
      : machine_(machine), container_(std::move(container)) {
    for (const auto* file : {kReached, kGoOn}) fs::remove(machine_.file(file));
    container_->use_hook(kHook);
    const std::string pause =
        std::string("touch ") + kReached + "; until [ -e " + kGoOn + " ]; do sleep 0.01; done";
    const nlohmann::json first = {{"path", "/bin/sh"},
                                  {"args", {"sh", "-c", pause}},
                                  {"env", {"PATH=/usr/bin:/bin"}},
                                  {"timeout", 60}};
    auto& hooks = container_->config["hooks"]["createRuntime"];
    hooks.insert(hooks.begin(), first);
    started_ = std::async(std::launch::async, [this] { return container_->start(); });
    EXPECT_TRUE(becomes_true([&] { return fs::exists(machine_.file(kReached)); }));
  }

  // Goes on to the end of the start.
  void go_on() {
    std::ofstream(machine_.file(kGoOn)) << "go";
    const auto done = started_.get();
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(container_->access(), kHasItsGpu);
  }
  ScopeContainer* operator->() const { return container_.get(); }
  ScopeContainer& operator*() const { return *container_; }

 private:
  const BootedMachine& machine_;
  std::unique_ptr<ScopeContainer> container_;
  std::future<Finished> started_;
};

class ScopeOfAStoppedSystemd : public Booted {
 protected:
  void SetUp() override {
    Booted::SetUp();
    if (IsSkipped()) return;
    container_ = std::make_unique<PausedContainer>(*machine_, new_container(Engine::Runc));
    EXPECT_EQ(::kill(machine_->init(), SIGSTOP), 0);
    container_->go_on();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    let_systemd_go_on();
    container_.reset();
  }
  static void let_systemd_go_on() { EXPECT_EQ(::kill(machine_->init(), SIGCONT), 0); }
  [[nodiscard]] ScopeContainer& container() const { return **container_; }
  [[nodiscard]] fs::path drop_in() const {
    return machine_->file("/run/systemd/transient/" + container().scope() + ".d/50-nvhook.conf");
  }

  std::unique_ptr<PausedContainer> container_;
};

TEST_F(ScopeOfAStoppedSystemd, IsNotHeldUpAndTakenUpWhenItGoesOn) {
  EXPECT_TRUE(becomes_true([&] { return fs::exists(drop_in()); })) << "should nobody answer";

  let_systemd_go_on();

  wait_until_told(container());
  EXPECT_TRUE(becomes_true([&] { return !fs::exists(drop_in()); })) << "systemd has its own";
  reload();
  EXPECT_EQ(container().access(), kHasItsGpu);
}

TEST_F(ScopeOfAStoppedSystemd, IsLeftWordForItsNextReload) {
  // Somebody tries it by hand, too, and is told.
  const auto by_hand = machine_->sh("/usr/local/bin/nvhook-systemd " + container().scope() +
                                    " /dev/nvidia0 /dev/nvidiactl");
  EXPECT_EQ(by_hand.status, 5);
  EXPECT_THAT(by_hand.err, HasSubstr("it will read of them with its next daemon-reload"));
  ASSERT_TRUE(becomes_true([&] { return fs::exists(drop_in()); }));

  let_systemd_go_on();

  for (const auto* occasion : {"daemon-reload", "daemon-reexec", "daemon-reload"}) {
    systemctl(occasion);
    EXPECT_EQ(container().access(), kHasItsGpu) << occasion;
  }
  const auto complaint = "W_SYSTEMD: systemd may not know that \"" + container().scope();
  EXPECT_TRUE(
      becomes_true([&] { return journal(*machine_).find(complaint) != std::string::npos; }));
  container().end();
  EXPECT_TRUE(becomes_true([&] { return !fs::exists(drop_in().parent_path()); }));
}

// It closes its connections then, and requests get lost.
using ScopeWhileSystemdExecutesItselfAnew = Booted;

TEST_F(ScopeWhileSystemdExecutesItselfAnew, KeepsItsGpu) {
  for (int i = 0; i < 2; ++i) {
    PausedContainer container(*machine_, new_container(Engine::Runc));
    auto storm = std::async(std::launch::async, [] {
      return machine_->sh("for i in 1 2 3 4 5; do systemctl daemon-reexec; done");
    });
    container.go_on();
    storm.get();
    wait_until_told(*container);

    systemctl("daemon-reload");

    EXPECT_EQ(container->access(), kHasItsGpu);
  }
  EXPECT_THAT(log() + journal(*machine_), Not(HasSubstr("W_SYSTEMD")));
}

}  // namespace
}  // namespace nvhook::test
