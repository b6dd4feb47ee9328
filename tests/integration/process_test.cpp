// SPDX-License-Identifier: Apache-2.0
// How the program behaves as a process: what it takes from whoever starts it, and what it does
// not do at all.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProcessOf : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    container_ = std::make_unique<TestContainer>(bundle_.root().on_disk());
  }

  // The system calls of a run, a line each, as strace writes them; without those that start the
  // program and its loader.
  std::vector<std::string> trace(const std::vector<std::string>& arguments) {
    // A sanitized build's search for leaks cannot work while strace looks on.
    const auto done = run_traced(arguments, {"ASAN_OPTIONS=detect_leaks=0"});
    EXPECT_EQ(done.status, 0) << done.err;
    std::vector<std::string> lines;
    std::ifstream in(scratch_.on_disk("/trace"));
    bool ours = false;  // closing inherited descriptors is the first thing that it does
    for (std::string line; std::getline(in, line);) {
      ours = ours || line.find("close_range(3,") != line.npos;
      if (ours) lines.push_back(line);
    }
    return lines;
  }

  Finished run_traced(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment) {
    bundle_.write();
    std::vector<std::string> all = {"strace", "-f", "-qq", "-o", scratch_.on_disk("/trace")};
    for (const auto& argument : nvhook_on(NVHOOK_SIMULATED_HOST, arguments))
      all.push_back(argument);
    return run(all, container_->state(bundle_.path()), environment);
  }

  Bundle bundle_;
  FakeRoot scratch_;
  std::unique_ptr<TestContainer> container_;
};

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;

TEST_F(ProcessOf, AContainerWithoutGpusStartsNoOtherProcessAndOpensNothingOfTheDriver) {
  bundle_.config["process"]["env"] = {"PATH=/bin"};

  const auto calls = trace({"prestart"});

  EXPECT_THAT(calls, Not(Contains(AnyOf(HasSubstr("clone"), HasSubstr("fork(")))));
  // Settings may be in NVIDIA's file, too.
  EXPECT_THAT(calls, Not(Contains(AllOf(HasSubstr("nvidia"),
                                        Not(HasSubstr("/nvidia-container-runtime/config.toml"))))));
  EXPECT_THAT(calls, Contains(HasSubstr("config.json")));
}

TEST_F(ProcessOf, AVoidRequestOpensNothingOfTheDriver) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=void");

  const auto calls = trace({"prestart"});

  EXPECT_THAT(calls, Not(Contains(HasSubstr("driver/nvidia"))));
  EXPECT_THAT(calls, Not(Contains(HasSubstr("ld.so.cache"))));
}

TEST_F(ProcessOf, AfterItEnteredTheContainerItLooksUpNoPath) {
  const auto calls = trace({"prestart"});
  const auto entered = std::ranges::find_if(
      calls, [](const auto& line) { return line.find("setns(") != line.npos; });
  ASSERT_NE(entered, calls.end());
  const std::vector<std::string> after(entered, calls.end());

  EXPECT_THAT(after,
              Each(Not(AnyOf(HasSubstr("AT_FDCWD"), HasSubstr("execve"), HasSubstr(" mount(")))));
  EXPECT_THAT(after, Contains(HasSubstr("move_mount(")));
  for (const auto& line : after) {
    if (line.find("move_mount(") != line.npos) {
      EXPECT_THAT(line, HasSubstr("MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"));
    }
    if (line.find("openat2(") != line.npos) {
      EXPECT_THAT(line, HasSubstr("O_CLOEXEC"));
    }
  }
}

TEST_F(ProcessOf, ItWorksWithItsStandardStreamsClosed) {
  bundle_.write();
  FakeRoot input;
  input.file("/state", container_->state(bundle_.path()));
  std::string command;
  for (const auto& argument : nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}))
    command += argument + " ";

  const auto done =
      run({"/bin/sh", "-c", command + "<" + input.on_disk("/state").string() + " >&- 2>&-"});

  EXPECT_EQ(done.status, 0);
  EXPECT_TRUE(std::filesystem::exists(container_->inside("/dev/nvidia0")));
}

TEST_F(ProcessOf, ItsLogTellsWhatTheRuntimeHides) {
  FakeRoot etc;
  const auto log = etc.on_disk("/log").string();
  etc.file("/nvhook.toml", "[log]\nfile = \"" + log + "\"\n");
  bundle_.env("NVIDIA_VISIBLE_DEVICES=9");

  const auto done = bundle_.hook(*container_, {"--config", etc.on_disk("/nvhook.toml")});

  EXPECT_EQ(done.status, 2);
  std::ifstream in(log);
  const auto line = nlohmann::json::parse(in);
  EXPECT_EQ(line["id"], "E_REQ_DEVICE");
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["container"], "test");
}

TEST_F(ProcessOf, ItsDebugFileHasThePlanAndEachStep) {
  const auto debug = scratch_.on_disk("/debug").string();

  ASSERT_EQ(bundle_.hook(*container_, {"--debug", debug, "prestart"}).status, 0);

  std::ostringstream text;
  text << std::ifstream(debug).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("\"schema\": \"nvhook.plan/1\""));
  EXPECT_THAT(text.str(), HasSubstr("mount \"/dev/nvidia0\""));
  EXPECT_THAT(text.str(), HasSubstr("allow 5 devices in "));
}

}  // namespace
}  // namespace nvhook::test
