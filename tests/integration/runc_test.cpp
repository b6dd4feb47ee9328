// SPDX-License-Identifier: Apache-2.0
// Real runc, real images, the simulated driver.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "integration/bundle.hpp"
#include "integration/engine.hpp"

namespace nvhook::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kTwoGpus =
    "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5eed0000-51d1-4a00-8000-000000000000)\n"
    "GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-5fee0101-51d1-4a00-8000-000000000001)\n";

std::string host_mounts() {
  std::ostringstream text;
  text << std::ifstream("/proc/1/mountinfo").rdbuf();
  return text.str();
}

class Runc : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
  void register_hook(EngineBundle& bundle,
                     const std::filesystem::path& host = NVHOOK_SIMULATED_HOST) {
    bundle.config["hooks"][GetParam()] = {hook_entry(GetParam(), host)};
  }
};

// Lets the container make a node of a GPU that it was not given: the cgroup must say no.
void allow_mknod(EngineBundle& bundle) {
  for (const auto* set : {"bounding", "effective", "permitted"})
    bundle.config["process"]["capabilities"][set].push_back("CAP_MKNOD");
}

TEST_P(Runc, ListsTheGpusInADebianContainer) {
  EngineBundle bundle("minbase");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");
  const auto before = host_mounts();

  const auto done = bundle.run_in_runc("nvidia-smi -L");

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, kTwoGpus);
  EXPECT_EQ(host_mounts(), before);
}

TEST_P(Runc, ShowsOneGpuWhereOneIsAskedFor) {
  EngineBundle bundle("minbase");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=1");

  const auto done = bundle.run_in_runc("nvidia-smi -L; ls /dev");

  EXPECT_THAT(done.out, HasSubstr("UUID: GPU-5fee0101"));
  EXPECT_THAT(done.out, Not(HasSubstr("GPU-5eed0000")));
  EXPECT_THAT(done.out, Not(HasSubstr("nvidia0\n")));
  EXPECT_THAT(done.out, HasSubstr("nvidia1\n"));
}

// As device plugins of Kubernetes do it, on a host that does not listen to images.
TEST_P(Runc, ShowsTheGpuThatAMountAsksFor) {
  EngineBundle bundle("minbase");
  FakeRoot settings;
  settings.file("/config.toml",
                "[requests]\naccept_volume_mounts = true\n"
                "accept_environment_when_unprivileged = false\n");
  auto hook = hook_entry(GetParam());
  hook["args"].insert(hook["args"].begin() + 1,
                      {"--config", settings.on_disk("/config.toml").string()});
  bundle.config["hooks"][GetParam()] = {hook};
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");
  bundle.config["mounts"].push_back({{"destination", "/var/run/nvidia-container-devices/1"},
                                     {"type", "bind"},
                                     {"source", "/dev/null"},
                                     {"options", {"bind"}}});

  const auto done = bundle.run_in_runc("nvidia-smi -L");

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("UUID: GPU-5fee0101"));
  EXPECT_THAT(done.out, Not(HasSubstr("GPU-5eed0000")));
}

TEST_P(Runc, ChangesNothingForVoid) {
  EngineBundle plain("minbase");
  const auto without_hook =
      plain.run_in_runc("cat /proc/self/mountinfo | cut -d' ' -f5- ; ls /dev");
  EngineBundle bundle("minbase");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=void");

  const auto done = bundle.run_in_runc("cat /proc/self/mountinfo | cut -d' ' -f5- ; ls /dev");

  EXPECT_EQ(done.status, 0) << done.err;
  const auto names_of = [](std::string text, const EngineBundle& of) {
    for (auto at = text.find(of.path().string()); at != text.npos;
         at = text.find(of.path().string()))
      text.replace(at, of.path().string().size(), "BUNDLE");
    return text;
  };
  EXPECT_EQ(names_of(done.out, bundle), names_of(without_hook.out, plain));
  EXPECT_EQ(bundle.written(), plain.written());
}

TEST_P(Runc, OpensWhatWasGrantedAndNothingElse) {
  EngineBundle bundle("minbase");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=0");
  allow_mknod(bundle);

  const auto done = bundle.run_in_runc(
      "mknod /dev/other c 195 1\n"
      "for node in nvidia0 nvidiactl other; do (exec 3<>/dev/$node) 2>&1; done");

  // Without a kernel module an allowed node has no device behind it (ENXIO).
  EXPECT_THAT(done.out, HasSubstr("/dev/nvidia0: No such device or address"));
  EXPECT_THAT(done.out, HasSubstr("/dev/nvidiactl: No such device or address"));
  EXPECT_THAT(done.out, HasSubstr("/dev/other: Operation not permitted"));
}

TEST_P(Runc, ReadsFromAGrantedDeviceThatHasADriver) {
  EngineBundle bundle("minbase");
  // c 203:0 and 203:1 are the processors' cpuid devices: they open and read where they are allowed.
  register_hook(bundle, NVHOOK_SIMULATED_HOST "-203");
  bundle.env("NVIDIA_VISIBLE_DEVICES=0");
  allow_mknod(bundle);

  const auto done = bundle.run_in_runc(
      "mknod /dev/other c 203 1; head -c 16 /dev/nvidia0 | wc -c; head -c 16 /dev/other 2>&1");

  EXPECT_THAT(done.out, HasSubstr("16\n"));
  EXPECT_THAT(done.out, HasSubstr("/dev/other' for reading: Operation not permitted"));
}

TEST_P(Runc, GivesLibrariesThatTheContainerCannotWrite) {
  EngineBundle bundle("minbase");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");

  const auto done = bundle.run_in_runc(
      "echo x 2>&1 >>/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14; echo x 2>&1 "
      ">>/usr/bin/nvidia-smi");

  EXPECT_THAT(done.out + done.err, HasSubstr("Read-only file system"));
  EXPECT_EQ(done.status, 2);
}

TEST_P(Runc, PutsFilesAndNodesIntoAStaticImage) {
  EngineBundle bundle("busybox");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");

  const auto done = bundle.run_in_runc("ls /usr/lib64 /usr/bin/nvidia-smi /dev/nvidia0");

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("libcuda.so.550.54.14"));
  EXPECT_THAT(done.out, HasSubstr("/dev/nvidia0"));
}

TEST_P(Runc, SaysThatAStaticImageHasNoLoader) {
  EngineBundle bundle("busybox");
  FakeRoot etc;
  etc.file("/nvhook.toml", "[log]\nfile = \"" + etc.on_disk("/log").string() + "\"\n");
  register_hook(bundle);
  auto& arguments = bundle.config["hooks"][GetParam()][0]["args"];
  arguments.push_back("--config");
  arguments.push_back(etc.on_disk("/nvhook.toml"));
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");

  ASSERT_EQ(bundle.run_in_runc("true").status, 0);

  EXPECT_THAT(run({"cat", etc.on_disk("/log")}).out, HasSubstr("W_NO_LOADER"));
}

TEST_P(Runc, StopsTheContainerWithOneClearLineWhenAGpuIsMissing) {
  EngineBundle bundle("minbase");
  register_hook(bundle);
  bundle.env("NVIDIA_VISIBLE_DEVICES=5");

  const auto done = bundle.run_in_runc("echo started");

  EXPECT_NE(done.status, 0);
  EXPECT_THAT(done.out, Not(HasSubstr("started")));
  EXPECT_THAT(done.err, HasSubstr("nvhook: E_REQ_DEVICE: there is no GPU 5 on this host"));
  EXPECT_THAT(done.err, HasSubstr("exit status 2"));
}

TEST_P(Runc, MountsWhatTheDryRunSays) {
  EngineBundle bundle("minbase");
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");
  // The dry run as the hook before the hook: both see the same moment of the same container.
  FakeRoot scratch;
  auto dry = hook_entry(GetParam());
  std::string command;
  for (const auto& word : dry["args"]) command += word.get<std::string>() + " ";
  command.replace(0, 6, NVHOOK_PROGRAM);
  dry["path"] = "/bin/sh";
  dry["args"] = {"sh", "-c",
                 command + "--dry-run --format json >" + scratch.on_disk("/plan").string()};
  bundle.config["hooks"][GetParam()] = {dry, hook_entry(GetParam())};

  const auto done = bundle.run_in_runc("cat /proc/self/mountinfo");

  ASSERT_EQ(done.status, 0) << done.err;
  std::ifstream in(scratch.on_disk("/plan"));
  const auto plan = nlohmann::json::parse(in);
  std::map<std::string, std::pair<std::string, std::string>> planned;  // by target: source, options
  for (const auto& mount : plan["mounts"]) {
    std::string options;
    for (const auto& option : mount["options"])
      options += (options.empty() ? "" : ",") + option.get<std::string>();
    planned[mount["target"]] = {mount["source"], options};
  }
  std::map<std::string, std::pair<std::string, std::string>> mounted;
  std::istringstream lines(done.out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string root;
    std::string point;
    std::string options;
    fields >> skipped >> skipped >> skipped >> root >> point >> options;
    if (root.find("/host/") == root.npos) continue;  // not of the simulated host
    options.erase(std::min(options.find(",relatime"), options.size()));
    mounted[point] = {root, options};
  }
  ASSERT_EQ(mounted.size(), planned.size());
  for (const auto& [target, expected] : planned) {
    EXPECT_EQ(mounted[target].second, expected.second) << target;
    // mountinfo has the path inside the file system, which may be mounted anywhere.
    const auto& root = mounted[target].first;
    EXPECT_TRUE(expected.first.ends_with(root) || root.ends_with(expected.first))
        << target << " is " << root << ", not " << expected.first;
  }
}

INSTANTIATE_TEST_SUITE_P(AtEachStage, Runc, ::testing::Values("prestart", "createRuntime"),
                         [](const auto& each) { return std::string(each.param); });

TEST(RuncStage, CreateContainerIsRefusedWithAdvice) {
  if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  EngineBundle bundle("minbase");
  bundle.config["hooks"]["createContainer"] = {hook_entry("createContainer")};
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");

  const auto done = bundle.run_in_runc("true");

  EXPECT_NE(done.status, 0);
  EXPECT_THAT(done.err, HasSubstr("E_STAGE"));
}

TEST(RuncExample, TheConfigOfTheExamplesRuns) {
  if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  EngineBundle bundle("minbase");
  std::ifstream in(NVHOOK_SOURCE_DIR "/oci-examples/config.json");
  auto example = nlohmann::json::parse(in);
  for (const auto* stage : {"prestart", "poststop"})
    for (auto& hook : example["hooks"][stage]) {
      hook["path"] = NVHOOK_PROGRAM;
      hook["args"] = hook_entry(stage)["args"];
    }
  bundle.config = example;

  const auto done = bundle.run_in_runc("nvidia-smi -L");

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, kTwoGpus);
  EXPECT_TRUE(std::filesystem::is_empty("/run/nvhook")) << "a record";
}

}  // namespace
}  // namespace nvhook::test
