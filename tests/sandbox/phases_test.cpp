// SPDX-License-Identifier: Apache-2.0
// What a process holds in each phase, as the kernel tells it to others.
#include "nvhook/sandbox/phases.hpp"

#include <gmock/gmock.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "nvhook/base/unique_fd.hpp"
#include "support/process_status.hpp"

namespace nvhook::sandbox {
namespace {

using test::names_of;
using test::ProcessStatus;

// A process that takes one step after another, and waits after each to be looked at. By reading and
// writing, which no filter of the main process forbids.
class Stepper {
 public:
  // A step says whether it succeeded.
  using Steps = std::vector<std::function<bool()>>;

  explicit Stepper(const Steps& steps) {
    std::array<int, 2> go{};
    std::array<int, 2> done{};
    if (::pipe(go.data()) != 0 || ::pipe(done.data()) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(go[1]);
      ::close(done[0]);
      take(steps, go[0], done[1]);
    }
    ::close(go[0]);
    ::close(done[1]);
    go_ = UniqueFd(go[1]);
    done_ = UniqueFd(done[0]);
  }
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;
  ~Stepper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // Lets it take its next step. What it holds then; all zeros if the step failed.
  ProcessStatus next() {
    char said = 0;
    if (::write(go_.get(), "g", 1) != 1 || ::read(done_.get(), &said, 1) != 1 || said != 'y') {
      ADD_FAILURE() << "the step failed, or ended the process";
      return {};
    }
    return test::status_of(pid_);
  }

 private:
  [[noreturn]] static void take(const Steps& steps, int go, int done) {
    char byte = 0;
    for (const auto& step : steps) {
      if (::read(go, &byte, 1) != 1) break;
      if (::write(done, step() ? "y" : "n", 1) != 1) break;
    }
    (void)!::read(go, &byte, 1);
    ::_exit(0);
  }

  pid_t pid_ = -1;
  UniqueFd go_;
  UniqueFd done_;
};

class PhasesOfRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: capabilities";
  }
};

constexpr std::array kAllPhases = {Phase::Request, Phase::Pin,   Phase::Discover, Phase::Survey,
                                   Phase::Capture, Phase::Enter, Phase::Place};

// shed(), then each phase.
Stepper::Steps steps_of(Phases& phases) {
  Stepper::Steps steps = {[&] { return phases.shed().has_value(); }};
  for (const auto phase : kAllPhases)
    steps.push_back([&, phase] { return phases.begin(phase).has_value(); });
  return steps;
}

struct Held {
  std::string effective, permitted;
};

void expect_held(Stepper& stepper, const std::vector<Held>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto status = stepper.next();
    EXPECT_EQ(names_of(status.effective), expected[i].effective) << "step " << i;
    EXPECT_EQ(names_of(status.permitted), expected[i].permitted) << "step " << i;
  }
}

TEST_F(PhasesOfRoot, HaveWhatTheyNeedAndKeepWhatLaterOnesNeed) {
  Phases phases(Course::Hook);
  Stepper stepper(steps_of(phases));

  const std::string all = "dac_override net_admin setgid setuid sys_admin sys_chroot sys_ptrace";
  const std::string after_pin = "dac_override net_admin setgid setuid sys_admin sys_chroot";
  expect_held(stepper, {{"", all},
                        {"", all},
                        {"dac_override sys_ptrace", all},
                        {"", after_pin},
                        {"dac_override", after_pin},
                        {"sys_admin", after_pin},
                        {"setgid setuid sys_admin sys_chroot", after_pin},
                        {"dac_override net_admin sys_admin", "dac_override net_admin sys_admin"}});
}

TEST_F(PhasesOfRoot, HaveNothingInAPauseAndGoOnAfterIt) {
  Phases phases(Course::Hook);
  Stepper stepper({[&] { return phases.shed().has_value(); },
                   [&] { return phases.begin(Phase::Pin).has_value(); },
                   [&] { return phases.pause().has_value(); },
                   [&] { return phases.begin(Phase::Pin).has_value(); }});
  stepper.next();
  const auto pin = stepper.next();

  const auto pause = stepper.next();
  const auto again = stepper.next();

  EXPECT_EQ(names_of(pin.effective), "dac_override sys_ptrace");
  EXPECT_EQ(names_of(pause.effective), "");
  EXPECT_EQ(pause.permitted, pin.permitted);
  EXPECT_EQ(again.effective, pin.effective);
  EXPECT_EQ(again.permitted, pin.permitted);
}

TEST_F(PhasesOfRoot, TakeOnNobodysIdentityWhereTheRootIsOurs) {
  Phases phases(Course::Hook);
  phases.stay_ourselves();
  Stepper stepper(steps_of(phases));
  for (int i = 0; i < 6; ++i)
    EXPECT_THAT(names_of(stepper.next().permitted), ::testing::Not(::testing::HasSubstr("setuid")));

  EXPECT_EQ(names_of(stepper.next().effective), "sys_admin sys_chroot");
}

TEST_F(PhasesOfRoot, OfADryRunHoldNothingAfterLooking) {
  Phases phases(Course::DryRun);
  Stepper stepper(steps_of(phases));

  expect_held(stepper, {{"", "dac_override sys_ptrace"},
                        {"", "dac_override sys_ptrace"},
                        {"dac_override sys_ptrace", "dac_override sys_ptrace"},
                        {"", "dac_override"},
                        {"dac_override", "dac_override"},
                        {"", ""}});
}

TEST_F(PhasesOfRoot, MayBecomeSomebodyElseUntilAProgramIsStarted) {
  for (const auto course : {Course::DryRun, Course::Hook}) {
    Phases phases(course);
    phases.expect_program();
    Stepper stepper(steps_of(phases));

    EXPECT_THAT(names_of(stepper.next().permitted), ::testing::HasSubstr("setgid setuid"));
    const auto request = stepper.next();
    EXPECT_THAT(names_of(request.permitted), ::testing::HasSubstr("setgid setuid"));
    EXPECT_EQ(names_of(request.effective), "");
    const auto pin = names_of(stepper.next().permitted);
    EXPECT_EQ(pin.find("setuid") != pin.npos, course == Course::Hook) << pin;
  }
}

TEST_F(PhasesOfRoot, StartAProgramUntilTheRequestIsKnown) {
  const auto execute = [] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl("/bin/true", "true", nullptr);
      ::_exit(1);
    }
    int status = -1;
    return ::waitpid(pid, &status, 0) == pid && status == 0;
  };
  for (const bool expects : {true, false}) {
    Phases phases(Course::Hook);
    if (expects) phases.expect_program();
    bool after_request = false;
    bool after_pin = true;
    const pid_t pid = ::fork();
    if (pid == 0) {
      (void)phases.shed();
      (void)phases.begin(Phase::Request);
      after_request = execute();
      (void)phases.begin(Phase::Pin);
      after_pin = execute();
      ::_exit((after_request ? 1 : 0) + (after_pin ? 2 : 0) + (phases.filtered() ? 4 : 0));
    }
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), expects ? 4 + 1 : 4) << "in time, and not later";
  }
}

TEST_F(PhasesOfRoot, LeaveNothingToAProgramExecuted) {
  Phases phases(Course::Hook);
  auto steps = steps_of(phases);
  // As runtimes with CVE-2022-29162 hand them on.
  steps.insert(steps.begin(), [] {
    const cap_iab_t handed_on = ::cap_iab_init();
    ::cap_iab_set_vector(handed_on, CAP_IAB_AMB, CAP_SYS_ADMIN, CAP_SET);
    return ::cap_iab_set_proc(handed_on) == 0;
  });
  Stepper stepper(steps);
  const auto before = stepper.next();
  ASSERT_EQ(names_of(before.ambient), "sys_admin");
  ASSERT_EQ(names_of(before.inheritable), "sys_admin");
  ASSERT_NE(before.bounding, 0U);

  for (std::size_t i = 1; i < steps.size(); ++i) {
    const auto status = stepper.next();
    EXPECT_EQ(status.inheritable, 0U);
    EXPECT_EQ(status.ambient, 0U);
    EXPECT_EQ(status.bounding, 0U);
    EXPECT_TRUE(status.no_new_privileges);
  }
}

TEST_F(PhasesOfRoot, AreFilteredFromTheFirstOn) {
  Phases phases(Course::Hook);
  auto steps = steps_of(phases);
  Stepper stepper(steps);
  EXPECT_EQ(stepper.next().seccomp, 0);

  for (std::size_t i = 1; i < steps.size(); ++i) EXPECT_EQ(stepper.next().seccomp, 2);
}

TEST_F(PhasesOfRoot, WorkWithWhatAProcessHas) {
  Phases phases(Course::Hook);
  auto steps = steps_of(phases);
  steps.insert(steps.begin(), [] {
    // No CAP_SETPCAP: the bounding set cannot be emptied.
    const cap_t few = ::cap_from_text("cap_sys_admin,cap_chown=ep");
    return ::cap_set_proc(few) == 0;
  });
  Stepper stepper(steps);
  stepper.next();

  expect_held(stepper,
              {{"", "sys_admin"}, {"", "sys_admin"}, {"", "sys_admin"}, {"", "sys_admin"}});
}

TEST(Phases, WorkWithoutAnyPrivilege) {
  Phases phases(Course::DryRun);
  auto steps = steps_of(phases);
  steps.insert(steps.begin(), [] {
    return (::geteuid() != 0 || (::setgid(1000) == 0 && ::setuid(1000) == 0)) &&
           ::prctl(PR_SET_DUMPABLE, 0) == 0;
  });
  Stepper stepper(steps);

  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto status = stepper.next();
    EXPECT_EQ(status.permitted, 0U);
  }
}

}  // namespace
}  // namespace nvhook::sandbox
