// SPDX-License-Identifier: Apache-2.0
// Family C, second part: on cgroup v2, where device programs decide; and what becomes of them when
// bpf(2) fails.
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attack/cgroup_attack.hpp"
#include "attack/trial.hpp"
#include "support/device_program_text.hpp"
#include "support/device_programs.hpp"
#include "support/process_status.hpp"
#include "support/v2_cgroup.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using Program = std::vector<bpf_insn>;

constexpr auto kTop = "/sys/fs/cgroup";

// What runc gives a container by default.
const Program& of_runc() {
  static const auto program = from_file(NVHOOK_DEVICE_PROGRAMS "/runc_default.txt");
  return program;
}

// Says no to everything, at length.
Program refusal_of(std::size_t instructions) {
  Program program(instructions - 1, from_text("b7 r0 r0 +0 0\n").front());
  program.push_back(from_text("95 r0 r0 +0 0\n").front());
  return program;
}

bool is_bpf(const WatchedCall& call, int command) {
  return call.number == SYS_bpf && call.arguments[0] == static_cast<std::uint64_t>(command);
}

class CgroupsOnV2 : public CgroupAttack {
 protected:
  CgroupsOnV2() : CgroupAttack(kTop) {}

  void SetUp() override {
    Attack::SetUp();
    if (IsSkipped()) return;
    view_.emplace();
    restart();
  }
  void TearDown() override {
    CgroupAttack::TearDown();
    view_.reset();
  }

  // A new scene on v2, with runc's program.
  void restart() {
    start_over();
    scene().container.v2 = {{of_runc()}};
  }
  // Puts another program, which says the same, in the place of the one that is attached.
  void exchange() {
    const auto& cgroup = container().cgroup();
    const auto before = device_program_by_id(device_programs_of(cgroup).ids.front());
    ASSERT_EQ(attach_device_program(cgroup, load_device_program(of_runc()).get()), 0);
    ASSERT_EQ(detach_device_program(cgroup, before.get()), 0);
  }

 private:
  std::optional<CgroupV2Only> view_;
};

TEST_P(CgroupsOnV2, C02_NamesThatLookLikeSomethingElse) {
  for (const std::string name : {"a:b c", "0::", " \t\\x5c\\040"}) {
    SCOPED_TRACE(name);
    restart();
    scene().container.cgroup_name = name + "nvhook-test-";
    contained();
  }
}

TEST_P(CgroupsOnV2, C03_AnotherFileSystemOverTheCgroups) {
  scene().before = [] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", kTop, "tmpfs", 0, nullptr) != 0)
      ::_exit(126);
  };

  refused("E_CGROUP");

  EXPECT_THAT(outcome().finished.err, HasSubstr("hidden"));
}

TEST_P(CgroupsOnV2, C06_TheProcessIsMovedMeanwhile) {
  for (const int command : {BPF_PROG_QUERY, BPF_PROG_LOAD, BPF_PROG_ATTACH})
    for (const bool to_root : {false, true}) {
      SCOPED_TRACE(command);
      restart();
      const auto elsewhere = to_root ? fs::path(kTop) : beside();
      scene().watch = [&, done = false](const WatchedCall& call) mutable {
        if (done || !is_bpf(call, command)) return Answer{};
        done = true;
        move_to_cgroup(container().pid(), elsewhere);
        return Answer{};
      };

      refused("E_CGROUP");

      EXPECT_THAT(outcome().finished.err, HasSubstr("does not hold process"));
      EXPECT_EQ(device_programs_of(elsewhere).ids.size(), 0U);
    }
}

TEST_P(CgroupsOnV2, C06_TheProcessIsInTheRootOfAll) {
  move_to_cgroup(container().pid(), kTop);

  refused("E_CGROUP");
}

TEST_P(CgroupsOnV2, C07_ProgramsOfAllKinds) {
  const auto rejection = refusal_of(4096);
  const struct {
    const char* what;
    TestContainer::V2 v2;
  } cases[] = {
      {"none", {}},
      {"one", {{of_runc()}}},
      {"three", {{of_runc(), refusal_of(2), of_runc()}}},
      {"as long as old kernels let one be", {{rejection}}},
      {"one that a cgroup below may override", {{of_runc()}, BPF_F_ALLOW_OVERRIDE}},
      {"one that nobody may add to", {{of_runc()}, 0}},
  };
  for (const auto& [what, v2] : cases) {
    SCOPED_TRACE(what);
    restart();
    scene().container.v2 = v2;
    const auto flags = device_programs_of(container().cgroup()).flags;
    contained();
    EXPECT_EQ(device_programs_of(container().cgroup()).flags, flags);
  }
}

TEST_P(CgroupsOnV2, C07_NoRoomForOneMore) {
  scene().container.v2 = {std::vector(64, of_runc())};

  refused("E_CGROUP");
}

// A program that the kernel does not show as it was loaded, twice: nobody knows whose is whose.
TEST_P(CgroupsOnV2, C07_ProgramsThatCannotBeHadAgain) {
  const auto with_a_call = from_text("85 r0 r0 +0 7\nb7 r0 r0 +0 0\n95 r0 r0 +0 0\n");
  scene().container.v2 = {{with_a_call, with_a_call}};

  refused("E_CGROUP");
}

// Once it is only late; always, it gives up.
TEST_P(CgroupsOnV2, C07_AnotherExchangesTheProgramMeanwhile) {
  for (const bool always : {false, true}) {
    SCOPED_TRACE(always);
    restart();
    // What is attached in the end is the other's, and not what was there before.
    scene().names_compared = !always;
    scene().watch = [&, done = false](const WatchedCall& call) mutable {
      if ((done && !always) || !is_bpf(call, BPF_PROG_ATTACH)) return Answer{};
      done = true;
      exchange();
      return Answer{};
    };
    if (always)
      refused("E_CGROUP");
    else
      contained();
    EXPECT_EQ(device_programs_of(container().cgroup()).ids.size(), 1U);
    EXPECT_EQ(container().may_use(195, 0), !always);
  }
}

// As without privileges: no call of bpf(2) is allowed.
TEST_P(CgroupsOnV2, C08_BpfIsForbidden) {
  for (const int error : {EPERM, EACCES, ENOSYS}) {
    SCOPED_TRACE(error);
    restart();
    scene().watch = [error](const WatchedCall& call) {
      return Answer{.error = call.number == SYS_bpf ? error : 0};
    };
    refused("E_CGROUP");
    EXPECT_THAT(outcome().finished.err, HasSubstr("bpf(2)"));
  }
}

// Kernels before 6.9 do, to whom they show what is attached.
TEST_P(CgroupsOnV2, C08_BpfAsksForTheNetworksRights) {
  int asked = 0;
  scene().watch = [&](const WatchedCall& call) {
    if (call.number != SYS_bpf) return Answer{};
    ++asked;
    const auto held = status_of(call.pid).effective;
    return Answer{.error = (held >> CAP_NET_ADMIN & 1U) == 0 ? EPERM : 0};
  };

  contained();

  EXPECT_GT(asked, 0);
}

TEST_P(CgroupsOnV2, C10_TheHookInACgroupNamespaceBesideTheContainers) {
  // Where it is mounted twice, the first one counts.
  start_hook_in_a_namespace_beside("/sys/fs/cgroup/unified");

  refused("E_CGROUP");

  EXPECT_THAT(outcome().finished.err, HasSubstr("outside of the hook's view"));
}

INSTANTIATE_TEST_SUITE_P(Kernel, CgroupsOnV2, ::testing::ValuesIn(variants()), name_of_instance);

// Of two attached programs either both are exchanged or none.
class FaultSweepOnV2 : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    view_.emplace();
    start_over();
    plan_ = trial_->plan();
    (void)run_hook([this](std::size_t nth, int command) {
      EXPECT_EQ(nth, commands_.size() + 1);
      commands_.push_back(command);
      return Answer{};
    });
    ASSERT_EQ(trial_->missing(plan_), "");
    ASSERT_GT(commands_.size(), 8U) << "that is not all of them";
    start_over();
  }
  void TearDown() override {
    trial_.reset();
    view_.reset();
  }

  void start_over() {
    trial_.reset();
    TestContainer::Options options;
    options.v2 = {{of_runc(), refusal_of(16)}};
    const auto nothing = [](FakeRoot&) {};
    trial_ = std::make_unique<Trial>(GetParam().tier, nothing, std::move(options));
  }
  // `choose` says what becomes of the nth call of bpf(2).
  Ended run_hook(const std::function<Answer(std::size_t nth, int command)>& choose) {
    auto hook = trial_->hook();
    hook.environment = {"ASAN_OPTIONS=detect_leaks=0"};
    hook.watch = [&, nth = std::size_t{0}](const WatchedCall& call) mutable {
      if (call.number != SYS_bpf) return Answer{};
      return choose(++nth, static_cast<int>(call.arguments[0]));
    };
    return launch(hook);
  }

  std::unique_ptr<Trial> trial_;
  nlohmann::json plan_;
  std::vector<int> commands_;  // of a run in which none fails

 private:
  std::optional<CgroupV2Only> view_;
};

TEST_P(FaultSweepOnV2, F01_AnyCallOfBpfFails) {
  std::size_t refused = 0;
  std::size_t whole = 0;
  for (std::size_t failing = 1; failing <= commands_.size(); ++failing)
    for (const int error : {EPERM, EINVAL, ENOENT, ENOMEM, ENOSPC, EMFILE, E2BIG, EBUSY, EAGAIN}) {
      // That is how a kernel answers that knows no device programs.
      if (commands_[failing - 1] == BPF_PROG_QUERY && error == EINVAL) continue;
      SCOPED_TRACE("call " + std::to_string(failing) + ", command " +
                   std::to_string(commands_[failing - 1]) + ": " + strerrorname_np(error));
      const auto ended = run_hook(
          [&](std::size_t nth, int) { return Answer{.error = nth == failing ? error : 0}; });
      ASSERT_FALSE(ended.hung);
      if (ended.status == 0) {
        EXPECT_EQ(trial_->missing(plan_), "");
        start_over();
        ++whole;
        continue;
      }
      EXPECT_THAT(ended.err, HasSubstr("nvhook: E_CGROUP: "));
      EXPECT_EQ(trial_->changes(), "");
      ++refused;
    }
  std::printf("%zu calls; %zu refused, %zu whole\n", commands_.size(), refused, whole);
  EXPECT_GT(refused, commands_.size());
}

// At no moment may the container do less than before or more than planned.
TEST_P(FaultSweepOnV2, F02_KilledAtAnyCallOfBpf) {
  for (std::size_t last = 1; last <= commands_.size(); ++last) {
    SCOPED_TRACE(last);
    const auto ended = run_hook([&](std::size_t nth, int) { return Answer{.kill = nth == last}; });
    EXPECT_EQ(ended.status, 128 + SIGKILL);
    EXPECT_EQ(device_programs_of(trial_->container().cgroup()).ids.size(), 2U);
    // Whatever is left goes with the container; the next one over the same root is fine.
    trial_->renew();
    EXPECT_EQ(launch(trial_->hook()).status, 0);
    EXPECT_EQ(trial_->missing(plan_), "");
    start_over();
  }
}

INSTANTIATE_TEST_SUITE_P(Kernel, FaultSweepOnV2, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
