// SPDX-License-Identifier: Apache-2.0
// The processes of a watch: that they end, and leave nothing behind.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <utility>

#include "nvhook/nvml/watch.hpp"
#include "nvml/answer_of.hpp"
#include "nvml/processes.hpp"
#include "support/child.hpp"
#include "support/fake_root.hpp"

namespace nvhook::nvml {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::answer_of;
using test::children_of;
using test::ends;
using test::word_of;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class EndOfAWatch : public ::testing::Test {
 protected:
  // SIGPIPE is ignored, as in every program of ours.
  EndOfAWatch() { std::signal(SIGPIPE, SIG_IGN); }
  ~EndOfAWatch() override { std::signal(SIGPIPE, SIG_DFL); }

  Question question_to(const std::string& name, std::chrono::milliseconds deadline = 20s) {
    const auto program = tree_.on_disk("/" + name);
    fs::copy_file(NVHOOK_FAKE_PROBE, program);
    tree_.file("/library");
    return {
        .program = program, .deadline = deadline, .nvml = tree_.on_disk("/library"), .cuda = {}};
  }

  test::FakeRoot tree_;
};

struct Processes {
  pid_t guard = -1;
  pid_t program = -1;
};

// Of this process, which has one watch and nothing else.
Processes processes_of_watch() {
  Processes found;
  for (const auto guard : children_of(::getpid())) {
    found.guard = guard;
    for (int looks = 0; looks < 300 && children_of(guard).empty(); ++looks) ::usleep(10'000);
    for (const auto program : children_of(guard)) found.program = program;
  }
  return found;
}

TEST_F(EndOfAWatch, EndsItsProcesses) {
  auto watch = Watch::start(question_to("patient"));
  ASSERT_TRUE(watch);
  ASSERT_TRUE(answer_of(*watch));
  const auto processes = processes_of_watch();
  ASSERT_GT(processes.program, 0);

  {
    const auto gone = std::move(*watch);
    EXPECT_FALSE(gone.asked());
  }

  EXPECT_TRUE(ends(processes.program));
  EXPECT_THAT(children_of(::getpid()), IsEmpty()) << "the guard was waited for";
}

TEST_F(EndOfAWatch, EndsAProgramThatHangs) {
  auto watch = Watch::start(question_to("silent"));
  ASSERT_TRUE(watch);
  ASSERT_TRUE(watch->ask(What::Status));
  const auto processes = processes_of_watch();
  ASSERT_GT(processes.program, 0);
  const auto start = std::chrono::steady_clock::now();

  { const auto gone = std::move(*watch); }

  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s) << "not at the question's deadline";
  EXPECT_TRUE(ends(processes.program));
  EXPECT_THAT(children_of(::getpid()), IsEmpty());
}

// A caller that is killed, while the program answers or hangs.
class CallerOf : public EndOfAWatch, public ::testing::WithParamInterface<const char*> {};

TEST_P(CallerOf, TakesGuardAndProgramWithIt) {
  const auto question = question_to(GetParam());
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t caller = ::fork();
  if (caller == 0) {
    auto watch = Watch::start(question);
    if (!watch || !watch->ask(What::Status)) ::_exit(1);
    const auto processes = processes_of_watch();
    (void)!::write(pipe[1], &processes, sizeof processes);
    for (;;) ::pause();
  }
  ::close(pipe[1]);
  Processes processes;
  ASSERT_EQ(::read(pipe[0], &processes, sizeof processes), ssize_t{sizeof processes});
  ASSERT_GT(processes.program, 0);

  ::kill(caller, SIGKILL);
  ::waitpid(caller, nullptr, 0);

  EXPECT_TRUE(ends(processes.guard));
  EXPECT_TRUE(ends(processes.program));
  ::close(pipe[0]);
}

INSTANTIATE_TEST_SUITE_P(Each, CallerOf, ::testing::Values("patient", "silent"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(EndOfAWatch, IsSaidWhereSomebodyKillsTheGuard) {
  auto watch = Watch::start(question_to("silent"));
  ASSERT_TRUE(watch);
  ASSERT_TRUE(watch->ask(What::Status));
  const auto processes = processes_of_watch();

  ::kill(processes.guard, SIGKILL);
  const auto answer = test::take_in_time(*watch);
  const auto asked = watch->ask(What::Status);

  EXPECT_TRUE(watch->gone());
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().id(), ErrorId::NvmlCrashed);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().id(), ErrorId::NvmlCrashed);
  EXPECT_FALSE(watch->take()) << "it is said once";
  EXPECT_TRUE(ends(processes.program));
}

// The caller itself may want to answer those who wait before it ends.
TEST_F(EndOfAWatch, IsNotBroughtByWhatATerminalSendsToAll) {
  const auto question = question_to("patient");

  const auto said = test::said_by_child([&]() -> std::string {
    ::setpgid(0, 0);
    std::signal(SIGINT, SIG_IGN);
    auto watch = Watch::start(question);
    if (!watch) return watch.error().text();
    const auto before = word_of(answer_of(*watch));
    ::kill(0, SIGINT);
    ::usleep(50'000);
    const auto after = word_of(answer_of(*watch));
    return after == before ? "the same program" : after;
  });

  EXPECT_EQ(said, "the same program");
}

// A listening socket of the caller's, for one, would stay taken.
TEST_F(EndOfAWatch, IsNotHeldUpByDescriptorsOfTheCaller) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  auto watch = Watch::start(question_to("patient"));
  ASSERT_TRUE(watch);
  ASSERT_TRUE(answer_of(*watch));

  ::close(pipe[1]);

  pollfd wait{.fd = pipe[0], .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wait, 1, 2000), 1) << "the guard or the program has the other end";
  EXPECT_EQ(wait.revents, POLLHUP);
  ::close(pipe[0]);
}

std::size_t own_descriptors() {
  const fs::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Each program answers once, and is gone at the second question. A guard that loses a descriptor
// with each soon cannot start another.
TEST_F(EndOfAWatch, IsNearForNoDescriptorOver200Programs) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 40, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  auto watch = Watch::start(question_to("once"));
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(watch);
  const auto descriptors = own_descriptors();
  std::string last;

  for (int program = 0; program < 200; ++program) {
    const auto said = answer_of(*watch);
    ASSERT_TRUE(said) << program << ": " << said.error().text();
    EXPECT_NE(word_of(said), last) << "it is another process";
    last = word_of(said);
    const auto lost = answer_of(*watch);
    ASSERT_FALSE(lost);
    ASSERT_EQ(lost.error().id(), ErrorId::NvmlAnswer) << lost.error().text();
  }

  EXPECT_EQ(own_descriptors(), descriptors);
  const auto processes = children_of(::getpid());
  ASSERT_THAT(processes, SizeIs(1));
  EXPECT_THAT(children_of(processes.front()), IsEmpty()) << "all were waited for";
}

}  // namespace
}  // namespace nvhook::nvml
