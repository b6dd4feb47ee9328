// SPDX-License-Identifier: Apache-2.0
// How the program behaves as a process: what it takes from whoever starts it, and what it does
// not do at all.
#include <gmock/gmock.h>

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

  // The system calls of a run, as strace writes them.
  std::string trace(const std::vector<std::string>& arguments,
                    std::vector<std::string> environment = {}) {
    bundle_.write();
    // A sanitized build's search for leaks cannot work while strace looks on.
    environment.emplace_back("ASAN_OPTIONS=detect_leaks=0");
    std::vector<std::string> all = {"strace", "-f", "-qq", "-o", scratch_.on_disk("/trace")};
    for (const auto& argument : nvhook_on(NVHOOK_SIMULATED_HOST, arguments))
      all.push_back(argument);
    const auto done = run(all, container_->state(bundle_.path()), environment);
    EXPECT_EQ(done.status, 0) << done.err;
    std::ostringstream text;
    text << std::ifstream(scratch_.on_disk("/trace")).rdbuf();
    return text.str();
  }

  Bundle bundle_;
  FakeRoot scratch_;
  std::unique_ptr<TestContainer> container_;
};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST_F(ProcessOf, AContainerWithoutGpusStartsNoOtherProcessAndOpensNothingOfTheDriver) {
  bundle_.config["process"]["env"] = {"PATH=/bin"};

  const auto calls = trace({"prestart"});

  EXPECT_EQ(count(calls, "clone") + count(calls, "fork("), 0U) << calls;
  EXPECT_THAT(calls, Not(HasSubstr(NVHOOK_SIMULATED_HOST "/")));
  EXPECT_THAT(calls, Not(HasSubstr("nvidia")));
}

TEST_F(ProcessOf, AVoidRequestOpensNothingOfTheDriver) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=void");

  const auto calls = trace({"prestart"});

  EXPECT_THAT(calls, Not(HasSubstr("driver/nvidia")));
  EXPECT_THAT(calls, Not(HasSubstr("ld.so.cache")));
}

TEST_F(ProcessOf, AfterItEnteredTheContainerItLooksUpNoPath) {
  const auto calls = trace({"prestart"});
  const auto entered = calls.find("setns(");
  ASSERT_NE(entered, calls.npos);

  std::istringstream lines(calls.substr(entered));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, Not(HasSubstr("AT_FDCWD"))) << line;
    EXPECT_THAT(line, Not(HasSubstr("execve"))) << line;
    EXPECT_THAT(line, Not(HasSubstr(" mount("))) << line;
    if (line.find("move_mount(") != line.npos) {
      EXPECT_THAT(line, HasSubstr("MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"));
    }
    if (line.find("openat2(") != line.npos) {
      EXPECT_THAT(line, HasSubstr("O_CLOEXEC"));
    }
  }
}

TEST_F(ProcessOf, TheEnvironmentChangesNothing) {
  const auto plain = bundle_.plan(*container_);
  const auto done =
      run(nvhook_on(NVHOOK_SIMULATED_HOST, {"--dry-run", "--format", "json"}),
          container_->state(bundle_.path()),
          {"NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_DRIVER_CAPABILITIES=graphics",
           "LD_LIBRARY_PATH=/nonexistent", "GLIBC_TUNABLES=glibc.malloc.check=3",
           "TZ=/proc/self/mem", "HOME=/nonexistent", "TMPDIR=/nonexistent", "LC_ALL=C.UTF-8"});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(nlohmann::json::parse(done.out), plain);
}

TEST_F(ProcessOf, GlibcsTunablesMakeItStartAgainWithoutThem) {
  const auto calls = trace({"prestart"}, {"GLIBC_TUNABLES=glibc.malloc.check=3"});

  EXPECT_THAT(calls, HasSubstr("execve(\"/proc/self/exe\""));
}

TEST_F(ProcessOf, InheritedDescriptorsAreClosedBeforeAnythingIsRead) {
  const auto calls = trace({"prestart"});

  const auto closed = calls.find("close_range(3, 4294967295, 0)");
  ASSERT_NE(closed, calls.npos);
  EXPECT_LT(closed, calls.find("read(0,"));
}

TEST_F(ProcessOf, ItCannotBeLookedInto) {
  EXPECT_THAT(trace({"prestart"}), HasSubstr("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)"));
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
  EXPECT_THAT(text.str(), HasSubstr("mount /dev/nvidia0"));
  EXPECT_THAT(text.str(), HasSubstr("allow 5 devices in "));
}

}  // namespace
}  // namespace nvhook::test
