// SPDX-License-Identifier: Apache-2.0
// nvhook's end of nvhook-nvml: with the program that ships, on NVML of the simulated driver, and
// with others in its place.
#include "nvhook/nvml/ask.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "nvhook/nvml/document.hpp"
#include "nvml/simulated_library.hpp"
#include "support/sanitized.hpp"

namespace nvhook::nvml {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::description_of_two_gpus;
using test::FakeRoot;
using test::SimulatedLibraries;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

Question question_for(const SimulatedLibraries& libraries) {
  return {.program = NVHOOK_NVML_PROGRAM, .nvml = libraries.nvml(), .cuda = {}};
}

// How long the question took.
struct Timed {
  Result<Answer> answer;
  std::chrono::milliseconds took;
};

Timed timed(const Question& question) {
  const auto start = std::chrono::steady_clock::now();
  auto answer = ask(question);
  return {std::move(answer), std::chrono::duration_cast<std::chrono::milliseconds>(
                                 std::chrono::steady_clock::now() - start)};
}

TEST(AskNvml, GivesWhatNvmlSays) {
  const SimulatedLibraries libraries;
  auto question = question_for(libraries);
  question.cuda = libraries.cuda();
  question.status = question.topology = true;

  const auto answer = ask(question);

  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_THAT(answer->nvml.driver, Optional(std::string("550.54.14")));
  ASSERT_THAT(answer->nvml.gpus, SizeIs(2));
  const auto& gpu = answer->nvml.gpus[0];
  EXPECT_THAT(gpu.brand, Optional(std::string("Tesla")));
  ASSERT_TRUE(gpu.status && gpu.links && gpu.cuda);
  EXPECT_THAT(gpu.status->temperature_c, Optional(61U));
  EXPECT_THAT(gpu.cuda->multiprocessors, Optional(108U));
  const auto again = parse(answer->document);
  ASSERT_TRUE(again);
  EXPECT_TRUE(*again == answer->nvml);
}

TEST(AskNvml, SaysThatTheProgramIsNotThere) {
  const SimulatedLibraries libraries;
  auto question = question_for(libraries);
  question.program = "/nowhere/nvhook-nvml";

  const auto answer = ask(question);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::NvmlAbsent);
  EXPECT_THAT(answer.error().text(), HasSubstr("/nowhere/nvhook-nvml"));
}

TEST(AskNvml, StartsNoProgramThatOthersCanChange) {
  const SimulatedLibraries libraries;
  FakeRoot tree;
  const auto program = tree.on_disk("/program");
  fs::copy_file(NVHOOK_NVML_PROGRAM, program);
  ::chmod(program.c_str(), 0777);
  auto question = question_for(libraries);
  question.program = program;

  const auto answer = ask(question);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::NvmlAbsent);
  EXPECT_THAT(answer.error().text(), HasSubstr("no plain file of root's alone"));
}

TEST(AskNvml, SaysThatThereIsNoLibrary) {
  const SimulatedLibraries libraries;
  auto question = question_for(libraries);
  question.nvml = "/nowhere/libnvidia-ml.so.1";

  const auto answer = ask(question);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::NvmlAbsent);
}

TEST(AskNvml, SaysThatTheLibraryIsNone) {
  FakeRoot tree;
  tree.file("/libnvidia-ml.so.1", "not ELF");
  const Question question{
      .program = NVHOOK_NVML_PROGRAM, .nvml = tree.on_disk("/libnvidia-ml.so.1"), .cuda = {}};

  const auto answer = ask(question);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::NvmlAbsent);
  EXPECT_THAT(answer.error().text(), AllOf(HasSubstr("cannot be loaded"), HasSubstr("libnvidia")));
}

TEST(AskNvml, SaysWhatNvmlSaysOfItself) {
  auto description = description_of_two_gpus();
  description["fail"] = "nvmlInit_v2=18";
  const SimulatedLibraries libraries(description);

  const auto answer = ask(question_for(libraries));

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::NvmlFailed);
  EXPECT_THAT(answer.error().text(),
              AllOf(HasSubstr("NVML says \"Driver/library version mismatch\" (\"nvmlInit_v2\": "
                              "LIB_RM_VERSION_MISMATCH, 18)"),
                    HasSubstr("reboot")));
}

TEST(AskNvml, EndsAnNvmlThatHangs) {
  auto description = description_of_two_gpus();
  description["hang"] = "nvmlDeviceGetBrand";
  const SimulatedLibraries libraries(description);
  auto question = question_for(libraries);
  question.deadline = 700ms;

  const auto [answer, took] = timed(question);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::NvmlTimeout);
  EXPECT_THAT(answer.error().text(), HasSubstr("did not answer within 0.7 s"));
  EXPECT_GE(took, 700ms);
  EXPECT_LT(took, 1700ms);
}

TEST(AskNvml, OutlivesAnNvmlThatCrashes) {
  auto description = description_of_two_gpus();
  description["crash"] = "nvmlDeviceGetName";
  const SimulatedLibraries libraries(description);

  const auto [answer, took] = timed(question_for(libraries));

  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("nvhook-nvml"));
  EXPECT_EQ(answer.error().id(), test::kSanitized ? ErrorId::NvmlAnswer : ErrorId::NvmlCrashed);
  EXPECT_LT(took, 5s);
}

// Another program instead.
class FakeProgram : public ::testing::Test {
 protected:
  Question question_to(const std::string& name) {
    const auto program = tree_.on_disk("/" + name);
    fs::copy_file(NVHOOK_FAKE_PROBE, program);
    tree_.file("/library");
    return {.program = program, .deadline = 500ms, .nvml = tree_.on_disk("/library"), .cuda = {}};
  }

  FakeRoot tree_;
};

TEST_F(FakeProgram, IsAskedInWords) {
  auto question = question_to("words");
  question.cuda = question.nvml;
  question.status = question.topology = true;

  const auto answer = ask(question);

  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_THAT(answer->nvml.driver,
              Optional(std::string("nvhook-nvml --nvml /proc/self/fd/3 --cuda /proc/self/fd/4 "
                                   "--status --topology")));
}

TEST_F(FakeProgram, IsNobodyAndHasNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: to become somebody else";

  const auto answer = ask(question_to("about"));

  ASSERT_TRUE(answer) << answer.error().text();
  const auto said = answer->nvml.driver.value_or("");
  EXPECT_THAT(said, HasSubstr("Uid: 65534 65534 65534 65534;Gid: 65534 65534 65534 65534;"));
  EXPECT_THAT(said, ::testing::ContainsRegex("Groups: *;"));
  for (const auto* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_THAT(said, HasSubstr(std::string(set) + ": 0000000000000000;"));
  EXPECT_THAT(said, HasSubstr("NoNewPrivs: 1;"));
  EXPECT_THAT(said, HasSubstr("environment 0;descriptors 5"));
}

struct Row {
  const char* name;
  ErrorId id;
  const char* why;
};

class BadProgram : public FakeProgram, public ::testing::WithParamInterface<Row> {};

TEST_P(BadProgram, IsAnErrorInTime) {
  const auto& [name, id, why] = GetParam();

  const auto [answer, took] = timed(question_to(name));

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), id) << answer.error().text();
  EXPECT_THAT(answer.error().text(), HasSubstr(why));
  EXPECT_LT(took, 2500ms);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadProgram,
    ::testing::Values(Row{"endless", ErrorId::NvmlAnswer, "says more than 1048576 bytes"},
                      Row{"deep", ErrorId::NvmlAnswer, "nested deeper"},
                      Row{"rubbish", ErrorId::NvmlAnswer, "not JSON"},
                      Row{"numbers", ErrorId::NvmlAnswer, "number too large"},
                      Row{"silent", ErrorId::NvmlAnswer, "not JSON"},
                      Row{"unable", ErrorId::NvmlAnswer, "not JSON"},
                      Row{"status", ErrorId::NvmlAnswer, "ended with status 42"},
                      Row{"dribbling", ErrorId::NvmlTimeout, "within 0.5 s"},
                      Row{"lingering", ErrorId::NvmlTimeout, "within 0.5 s"},
                      Row{"stubborn", ErrorId::NvmlTimeout, "within 0.5 s"},
                      Row{"leaving", ErrorId::NvmlTimeout, "within 0.5 s"}),
    [](const auto& each) { return std::string(each.param.name); });

bool runs(const std::string& name) {
  for (const auto& process : fs::directory_iterator("/proc")) {
    std::ifstream status(process.path() / "status");
    std::string line;
    if (!std::getline(status, line) || line != "Name:\t" + name) continue;
    while (std::getline(status, line))
      if (line.starts_with("State:")) return !line.contains('Z');  // that init has not reaped yet
  }
  return false;
}

TEST_F(FakeProgram, IsEndedWithAllThatItStarted) {
  (void)ask(question_to("stubborn"));

  // What was killed may take a moment to end.
  for (int looks = 0; looks < 200 && runs("nvhook-stubborn"); ++looks) ::usleep(10'000);
  EXPECT_FALSE(runs("nvhook-stubborn"));
}

}  // namespace
}  // namespace nvhook::nvml
