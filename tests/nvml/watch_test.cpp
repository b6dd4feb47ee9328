// SPDX-License-Identifier: Apache-2.0
// nvhook-nvml kept running: what comes of questions, with the program that ships, on NVML of the
// simulated driver, and with others in its place.
#include "nvhook/nvml/watch.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>

#include "nvml/answer_of.hpp"
#include "nvml/simulated_library.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "support/take_away_calls.hpp"

namespace nvhook::nvml {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::answer_of;
using test::description_of_k40s;
using test::FakeRoot;
using test::SimulatedLibraries;
using test::word_of;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StartsWith;

Question question_for(const SimulatedLibraries& libraries) {
  return {.program = NVHOOK_NVML_PROGRAM,
          .deadline = 5s,
          .nvml = libraries.nvml(),
          .cuda = libraries.cuda()};
}

TEST(Watch, GivesWhatNvmlSaysTimeAndAgain) {
  const SimulatedLibraries libraries(description_of_k40s(8));
  auto watch = Watch::start(question_for(libraries));
  ASSERT_TRUE(watch) << watch.error().text();

  for (const auto what : {What::Everything, What::Status, What::Status, What::Everything}) {
    const auto answer = answer_of(*watch, what);

    ASSERT_TRUE(answer) << answer.error().text();
    ASSERT_THAT(answer->nvml.gpus, SizeIs(8));
    const auto& gpu = answer->nvml.gpus[1];
    EXPECT_THAT(gpu.status->power_mw, Optional(149872U));
    EXPECT_EQ(gpu.hardware.has_value(), what == What::Everything);
    EXPECT_EQ(gpu.cuda.has_value(), what == What::Everything);
  }
}

TEST(Watch, DoesNotStartWithoutALibrary) {
  const SimulatedLibraries libraries;
  auto question = question_for(libraries);
  question.nvml = "/nowhere/libnvidia-ml.so.1";

  const auto watch = Watch::start(question);

  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().id(), ErrorId::NvmlAbsent);
}

TEST(Watch, SaysWhyNvmlCannotBeInitialised) {
  auto description = description_of_k40s();
  description["fail"] = "nvmlInit_v2=18";
  const SimulatedLibraries libraries(description);
  auto watch = Watch::start(question_for(libraries));
  ASSERT_TRUE(watch);

  for (int i = 0; i < 3; ++i) {
    const auto answer = answer_of(*watch);

    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id(), ErrorId::NvmlFailed);
    EXPECT_THAT(answer.error().text(), HasSubstr("reboot"));
  }
}

// What may happen in NVML, and what becomes of the question.
struct Fate {
  const char* name;
  ErrorId id;
  ErrorId sanitized_id;  // which ends the program its own way when it crashes
};

class WatchOver : public ::testing::TestWithParam<Fate> {};

TEST_P(WatchOver, CostsOneAnswer) {
  const auto& [name, id, sanitized_id] = GetParam();
  auto description = description_of_k40s();
  description[name] = "nvmlDeviceGetTemperature";
  description["spared"] = 4;  // of two looks at two GPUs
  const SimulatedLibraries libraries(description);
  auto question = question_for(libraries);
  question.deadline = 1500ms;
  auto watch = Watch::start(question);
  ASSERT_TRUE(watch);

  const std::array well = {true, true, false, true, true};
  for (std::size_t i = 0; i < well.size(); ++i) {
    const auto answer = answer_of(*watch, i % 2 == 0 ? What::Everything : What::Status);

    ASSERT_EQ(answer.has_value(), well[i]) << i << ": " << word_of(answer);
    if (!well[i]) {
      EXPECT_EQ(answer.error().id(), test::kSanitized ? sanitized_id : id) << word_of(answer);
      continue;
    }
    EXPECT_THAT(answer->nvml.gpus.at(1).status->temperature_c, Optional(61U));
  }
}

INSTANTIATE_TEST_SUITE_P(NvmlThat, WatchOver,
                         ::testing::Values(Fate{"hang", ErrorId::NvmlTimeout, ErrorId::NvmlTimeout},
                                           Fate{"crash", ErrorId::NvmlCrashed, ErrorId::NvmlAnswer},
                                           Fate{"flood", ErrorId::NvmlAnswer, ErrorId::NvmlAnswer}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Watch, AsksWithNoCallsButReadAndWrite) {
  const SimulatedLibraries libraries(description_of_k40s());
  std::vector<std::string> taken = {
      "clone",      "clone3", "fork",    "vfork",  "execve", "execveat", "openat", "open",
      "fcntl",      "dup2",   "dup3",    "socket", "sendto", "sendmsg",  "kill",   "recvfrom",
      "socketpair", "wait4",  "recvmsg", "waitid", "prctl",  "ioctl",    "getppid"};
  // A sanitizer looks by a pipe whether memory can be read, and takes an object for none otherwise.
  if (!test::kSanitized) taken.insert(taken.end(), {"pipe2", "close"});

  const auto said = test::said_by_child([&] {
    auto watch = Watch::start(question_for(libraries));
    if (!watch) return watch.error().text();
    test::take_away_calls(taken, EPERM);
    return word_of(answer_of(*watch)) + " " + word_of(answer_of(*watch));
  });

  EXPECT_EQ(said, "361.48 361.48");
}

// Another program instead.
class WatchOf : public ::testing::Test {
 protected:
  Question question_to(const std::string& name) {
    const auto program = tree_.on_disk("/" + name);
    fs::copy_file(NVHOOK_FAKE_PROBE, program);
    tree_.file("/library");
    return {.program = program, .deadline = 700ms, .nvml = tree_.on_disk("/library"), .cuda = {}};
  }

  FakeRoot tree_;
};

TEST_F(WatchOf, AProgramDoesNotWait) {
  auto watch = Watch::start(question_to("silent"));
  ASSERT_TRUE(watch);
  EXPECT_FALSE(watch->take()) << "nothing was asked";

  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(watch->ask(What::Status));
  const auto at_once = watch->take();
  const auto twice = watch->ask(What::Status);

  EXPECT_LT(std::chrono::steady_clock::now() - start, 300ms);
  EXPECT_FALSE(at_once);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().id(), ErrorId::Bug);
  const auto late = test::take_in_time(*watch);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->error().id(), ErrorId::NvmlTimeout);
  EXPECT_FALSE(watch->asked());
}

TEST_F(WatchOf, AProgramAsksTheSameOneInTheseWords) {
  auto watch = Watch::start(question_to("patient"));
  ASSERT_TRUE(watch);

  const auto first = word_of(answer_of(*watch, What::Everything));
  const auto second = word_of(answer_of(*watch, What::Status));

  const auto pid = first.substr(0, first.find(' '));
  EXPECT_EQ(first, pid + " all");
  EXPECT_EQ(second, pid + " status");
}

TEST_F(WatchOf, AProgramIsNobodyAndHasNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: to become somebody else";
  auto watch = Watch::start(question_to("about"));
  ASSERT_TRUE(watch);

  const auto said = word_of(answer_of(*watch));

  EXPECT_THAT(said, HasSubstr("Uid: 65534 65534 65534 65534;Gid: 65534 65534 65534 65534;"));
  for (const auto* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_THAT(said, HasSubstr(std::string(set) + ": 0000000000000000;"));
  EXPECT_THAT(said, HasSubstr("NoNewPrivs: 1;"));
  EXPECT_THAT(said, HasSubstr("environment 0;descriptors 5"));
}

// It would be taken for the answer to the next question.
TEST_F(WatchOf, AProgramEndsItWhenItSaysMoreThanItWasAsked) {
  auto watch = Watch::start(question_to("prattling"));
  ASSERT_TRUE(watch);

  for (const auto what : {What::Everything, What::Status, What::Everything}) {
    const auto said = word_of(answer_of(*watch, what));

    EXPECT_THAT(said, EndsWith(line_of(what)));
    ::usleep(200'000);
  }
}

TEST_F(WatchOf, AProgramIsStartedAnewAfterAnAnswerThatIsNone) {
  auto watch = Watch::start(question_to("rubbish"));
  ASSERT_TRUE(watch);

  for (int i = 0; i < 3; ++i) {
    const auto answer = answer_of(*watch);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id(), ErrorId::NvmlAnswer);
  }
}

// The first two hang for as long as they may; the third is not even started.
TEST_F(WatchOf, AProgramLetsTimePassAfterSeveralFailures) {
  auto question = question_to("silent");
  question.deadline = 400ms;
  auto watch = Watch::start(question);
  ASSERT_TRUE(watch);
  std::vector<std::chrono::milliseconds> took;

  for (int i = 0; i < 4; ++i) {
    if (i == 3) ::usleep(300'000);
    const auto start = std::chrono::steady_clock::now();
    const auto answer = answer_of(*watch);
    took.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id(), ErrorId::NvmlTimeout);
  }

  EXPECT_GE(took[0], 400ms);
  EXPECT_GE(took[1], 400ms);
  EXPECT_LT(took[2], 400ms);
  EXPECT_GE(took[3], 400ms) << "enough time has passed";
}

}  // namespace
}  // namespace nvhook::nvml
