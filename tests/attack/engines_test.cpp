// SPDX-License-Identifier: Apache-2.0
// One case of each attack family under real runc and crun: the other files of this folder make
// their containers themselves, which is quicker and reaches further, but is not what users run.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>

#include "integration/engine.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// A busybox image that asks for all GPUs, to be made hostile, and a directory of this host that it
// is after. The image has the victim's path, too, so that a link that leads to the victim on the
// host leads somewhere in the container as well.
class Engines : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    victim_.file("/libcuda.so.1", "the host's own");
    bundle_ = std::make_unique<EngineBundle>("busybox");
    fs::create_directories(inside(victim()));
    fs::create_directories(inside("/usr/bin"));
    bundle_->env("NVIDIA_VISIBLE_DEVICES=all");
    settings_.file("/nvhook.toml",
                   "[log]\nfile = \"" + settings_.on_disk("/log").string() + "\"\n");
    use_stage("prestart");
    mounts_before_ = text_of("/proc/self/mountinfo");
    victim_before_ = victim_names();
  }

  // Whatever happened, it happened to nobody else.
  void TearDown() override {
    if (!bundle_) return;
    EXPECT_EQ(text_of("/proc/self/mountinfo"), mounts_before_);
    EXPECT_EQ(victim_names(), victim_before_);
    EXPECT_EQ(text_of(victim() / "libcuda.so.1"), "the host's own");
  }

  void use_stage(const std::string& stage) {
    auto hook = hook_entry(stage);
    hook["args"].push_back("--config");
    hook["args"].push_back(settings_.on_disk("/nvhook.toml"));
    bundle_->config["hooks"] = {{stage, {hook}}};
  }
  nlohmann::json& hook() { return bundle_->config["hooks"].begin().value()[0]; }

  Finished start(const std::string& script) { return bundle_->run_in(GetParam(), script); }

  // The container is not started, and the log says why; crun shows nothing of what a hook writes.
  void expect_refused(const std::string& id) {
    const auto done = start("echo started");
    EXPECT_NE(done.status, 0);
    EXPECT_THAT(done.out, Not(HasSubstr("started")));
    EXPECT_THAT(text_of(settings_.on_disk("/log")), HasSubstr("\"id\":\"" + id + "\"")) << done.err;
  }

  [[nodiscard]] fs::path victim() const { return victim_.on_disk(); }
  [[nodiscard]] fs::path inside(const fs::path& name) const { return bundle_->rootfs(name); }

  FakeRoot settings_;
  FakeRoot victim_;
  std::unique_ptr<EngineBundle> bundle_;

 private:
  [[nodiscard]] std::vector<std::string> victim_names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(victim()))
      names.push_back(entry.path());
    std::ranges::sort(names);
    return names;
  }

  std::string mounts_before_;
  std::vector<std::string> victim_before_;
};

TEST_P(Engines, DestinationsLinksLeadToTheImagesOwnDirectory) {
  fs::create_directory_symlink(victim(), inside("/usr/lib64"));

  const auto done = start("ls " + victim().string());

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("libcuda.so.550.54.14"));
}

TEST_P(Engines, DestinationsLinksThatClimbStayBelowTheRoot) {
  fs::create_directory_symlink("../../../../../../../../.." / victim().relative_path(),
                               inside("/usr/lib64"));

  const auto done = start("ls " + victim().string());

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("libcuda.so.550.54.14"));
}

TEST_P(Engines, DestinationsWayThroughAMagicLinkIsRefused) {
  fs::create_directory_symlink("/proc/self/root" / victim().relative_path(), inside("/usr/lib64"));

  expect_refused("E_DST_FOREIGN_MOUNT");
}

TEST_P(Engines, DestinationsFifoInPlaceOfALibraryIsRefused) {
  fs::create_directories(inside("/usr/lib64"));
  ASSERT_EQ(::mkfifo(inside("/usr/lib64/libcuda.so.550.54.14").c_str(), 0644), 0);

  expect_refused("E_DST_TYPE");
}

TEST_P(Engines, SourcesNothingOfTheImageIsMounted) {
  fs::create_directories(inside("/usr/local/cuda/compat"));
  fs::create_symlink("/", inside("/usr/local/cuda/compat/libcuda.so.999.99"));
  fs::create_symlink("/etc", inside("/usr/local/cuda/compat/libcuda.so.1"));

  const auto done = start("cat /proc/self/mountinfo");

  EXPECT_EQ(done.status, 0) << done.err;
  std::istringstream lines(done.out);
  int injected = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, Not(HasSubstr("compat")));
    std::istringstream fields(line);
    std::string skipped;
    std::string root;
    std::string point;
    fields >> skipped >> skipped >> skipped >> root >> point;
    const auto name = fs::path(point).filename().string();
    if (!name.starts_with("libcuda.so.") && !name.starts_with("nvidia")) continue;
    ++injected;
    EXPECT_THAT(root, HasSubstr("/host/")) << line;  // the simulated host's, and no other
  }
  EXPECT_GT(injected, 5);
}

TEST_P(Engines, MountsVolumeOverTheLibrariesIsRefused) {
  fs::create_directories(inside("/usr/lib64"));
  bundle_->config["mounts"].push_back({{"destination", "/usr/lib64"},
                                       {"type", "bind"},
                                       {"source", victim()},
                                       {"options", {"rbind", "rw"}}});

  expect_refused("E_DST_FOREIGN_MOUNT");
}

TEST_P(Engines, ProcessesPidOfTheContainersOwnNamespaceIsRefused) {
  use_stage("createRuntime");
  const auto entry = hook();
  // Where it is called now the state's pid is 1 (runc) or 0 (crun).
  bundle_->config["hooks"] = {{"createContainer", {entry}}};

  expect_refused("E_PID");
}

TEST_P(Engines, EnvironmentOfTheImageReachesNobody) {
  for (const std::string entry :
       {"LD_PRELOAD=./evil.so", "LD_AUDIT=/evil.so", "GLIBC_TUNABLES=glibc.malloc.check=3",
        "PATH=/evil", "TMPDIR=/evil", "NVIDIA_VISIBLE_DEVICES=../../dev/sda"})
    bundle_->env(entry);

  expect_refused("E_REQ_DEVICE");
}

// The runtime takes the last of two equal keys; whoever took the first acted on another root.
TEST_P(Engines, StateConfigThatSaysAThingTwiceIsRefused) {
  settings_.directory("/doctored");
  std::string arguments;
  for (const auto& word : hook()["args"]) arguments += " " + word.get<std::string>();
  const auto config = bundle_->path().string() + "/config.json";
  const auto doctored = settings_.on_disk("/doctored").string();
  const auto wrapper = settings_.on_disk("/wrapper");
  std::ofstream(wrapper) << "#!/bin/sh\n"
                         << R"(sed 's#^{#{"root":{"path":"/"},#' )" << config << " >" << doctored
                         << "/config.json\n"
                         << R"(sed 's#"bundle":"[^"]*"#"bundle":")" << doctored << R"("#' | exec )"
                         << NVHOOK_PROGRAM << arguments.substr(arguments.find(" --")) << "\n";
  fs::permissions(wrapper, fs::perms::owner_all);
  hook()["path"] = wrapper;

  expect_refused("E_STATE_PARSE");
}

TEST_P(Engines, HygieneCallThatFailsLeavesNothing) {
  const auto entry = hook();
  const auto fail_call = [&](long nth) {
    hook() = entry;
    nlohmann::json words = {"fail-call", std::to_string(nth), std::to_string(EIO),
                            settings_.on_disk("/count").string(), NVHOOK_PROGRAM};
    words.insert(words.end(), entry["args"].begin() + 1, entry["args"].end());
    hook()["path"] = NVHOOK_FAIL_CALL;
    hook()["args"] = words;
  };
  fail_call(0);
  ASSERT_THAT(start("echo started").out, HasSubstr("started"));
  const auto calls = std::stol(text_of(settings_.on_disk("/count")));
  fs::remove_all(inside("/usr/lib64"));
  const auto before = bundle_->written();

  fail_call(calls * 3 / 4);  // when most mounts are made
  const auto done = start("echo started");

  EXPECT_NE(done.status, 0);
  EXPECT_THAT(done.out, Not(HasSubstr("started")));
  EXPECT_EQ(bundle_->written(), before);
}

// Another process that has the root, as one that shares a volume with the container has a part of
// it, swaps the library directory for a link to the victim while containers start.
TEST_P(Engines, RacesDirectorySwappedForALink) {
  fs::create_directories(inside("/usr/lib64"));
  fs::create_directory_symlink(victim(), inside("/usr/lib64.link"));
  const auto one = inside("/usr/lib64");
  const auto other = inside("/usr/lib64.link");
  const pid_t racer = ::fork();
  if (racer == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  }

  int started = 0;
  int refused = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto done = start("echo started");
    (done.out.find("started") == std::string::npos ? refused : started) += 1;
  }
  ::kill(racer, SIGKILL);
  ::waitpid(racer, nullptr, 0);

  EXPECT_EQ(started + refused, 20);
  RecordProperty("started", started);
  RecordProperty("refused", refused);
}

INSTANTIATE_TEST_SUITE_P(Real, Engines, ::testing::Values(Engine::Runc, Engine::Crun),
                         [](const auto& each) { return std::string(name_of(each.param)); });

}  // namespace
}  // namespace nvhook::test
