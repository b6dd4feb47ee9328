// SPDX-License-Identifier: Apache-2.0
// Requirements that NVML decides, with real runc and the NVML of the simulated driver.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "integration/engine.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Of the simulated driver, 550.54.14 with CUDA 12.4 and GPUs of brand Tesla, by nothing else.
constexpr auto kTesla = "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=tesla,driver>=550,driver<551";
constexpr auto kGeForce = "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=geforce,driver>=550,driver<551";
constexpr auto kFacts = "/run/nvhook/host/nvml";

// A simulated host of its own, where nvhook lies as it does when it is installed.
class HostWithNvml {
 public:
  explicit HostWithNvml(const std::string& fate = {}) {
    const auto host = tree_.on_disk("/host").string();
    std::vector<std::string> arguments = {NVHOOK_SIMULATED_DRIVER, host};
    if (!fate.empty()) {
      tree_.file("/nvml.json", "{\"driver\": \"550.54.14\", \"cuda\": 12040, " + fate +
                                   ", \"root\": \"" + host + "\", \"gpus\": [ ]}");
      arguments.insert(arguments.end(), {"--nvml", tree_.on_disk("/nvml.json").string()});
    }
    const auto written = run(arguments);
    EXPECT_EQ(written.status, 0) << written.err;
  }
  [[nodiscard]] fs::path path() const { return tree_.on_disk("/host"); }

 private:
  FakeRoot tree_;
};

class Nvml : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    TearDown();
  }
  void TearDown() override { fs::remove_all("/run/nvhook/host"); }

  // The hook's run for an image with this requirement, and what its log has.
  struct Ran {
    Finished container;
    std::string log;
  };
  Ran run_with(const char* requirement, const fs::path& host = NVHOOK_SIMULATED_HOST,
               const char* devices = "all") {
    EngineBundle bundle("minbase");
    FakeRoot etc;
    etc.file("/nvhook.toml", "[nvml]\ndeadline = " + deadline_ + "\n[log]\nfile = \"" +
                                 etc.on_disk("/log").string() + "\"\n");
    auto hook = hook_entry("prestart", host);
    hook["timeout"] = 60;
    hook["args"].push_back("--config");
    hook["args"].push_back(etc.on_disk("/nvhook.toml"));
    bundle.config["hooks"]["prestart"] = {hook};
    bundle.env(std::string("NVIDIA_VISIBLE_DEVICES=") + devices);
    bundle.env(requirement);
    auto done = bundle.run_in_runc("echo started; ls /dev | grep 'nvidia[0-9]'");
    return {std::move(done), run({"cat", etc.on_disk("/log")}).out};
  }

  std::string deadline_ = "20";  // seconds
};

TEST_F(Nvml, StartsAnImageForTheBrandThatTheGpusHave) {
  const auto [container, log] = run_with(kTesla);

  EXPECT_EQ(container.status, 0) << container.err;
  EXPECT_EQ(container.out, "started\nnvidia0\nnvidia1\n");
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(Nvml, RefusesAnImageForAnotherBrand) {
  const auto [container, log] = run_with(kGeForce);

  EXPECT_NE(container.status, 0);
  EXPECT_THAT(container.out, IsEmpty());
  EXPECT_THAT(container.err, AllOf(HasSubstr("E_REQ_UNMET"), HasSubstr("brand is Tesla")));
}

TEST_F(Nvml, IsNotAskedWhereSomethingElseDecides) {
  const auto [container, log] =
      run_with("NVIDIA_REQUIRE_CUDA=cuda>=12.4 brand=tesla,driver>=550,driver<551");

  EXPECT_EQ(container.status, 0) << container.err;
  EXPECT_FALSE(fs::exists(kFacts));
}

TEST_F(Nvml, IsAskedOnceOnly) {
  ASSERT_EQ(run_with(kTesla).container.status, 0);
  ASSERT_TRUE(fs::exists(kFacts));
  // Another answer in its place is believed, so nobody was asked.
  std::ifstream in(kFacts);
  std::string kept((std::istreambuf_iterator<char>(in)), {});
  for (auto at = kept.find("Tesla"); at != kept.npos; at = kept.find("Tesla"))
    kept.replace(at, 5, "Quadro");
  std::ofstream(kFacts) << kept;

  const auto [container, log] = run_with(kTesla);

  EXPECT_NE(container.status, 0);
  EXPECT_THAT(container.err, HasSubstr("brand is Quadro"));
}

TEST_F(Nvml, ThatFailsLeavesARequirementOpen) {
  const HostWithNvml host(R"("fail": "nvmlInit_v2=18")");

  const auto [container, log] = run_with(kTesla, host.path());

  EXPECT_EQ(container.status, 0) << container.err;
  EXPECT_THAT(container.out, HasSubstr("started\n"));
  EXPECT_THAT(log, AllOf(HasSubstr("W_REQ_UNKNOWN"), HasSubstr("E_NVML_FAILED"),
                         HasSubstr("LIB_RM_VERSION_MISMATCH, 18")));
  EXPECT_FALSE(fs::exists(kFacts)) << "what failed is asked again";
}

TEST_F(Nvml, ThatCrashesLeavesARequirementOpen) {
  const HostWithNvml host(R"("crash": "nvmlInit_v2")");

  const auto [container, log] = run_with(kTesla, host.path());

  EXPECT_EQ(container.status, 0) << container.err;
  EXPECT_THAT(log, AllOf(HasSubstr("W_REQ_UNKNOWN"), HasSubstr("E_NVML_")));
}

TEST_F(Nvml, ThatHangsCostsOneStartItsDeadline) {
  const HostWithNvml host(R"("hang": "nvmlInit_v2")");
  deadline_ = "1";

  const auto first = run_with(kTesla, host.path());
  const auto second = run_with(kTesla, host.path());

  EXPECT_EQ(first.container.status, 0) << first.container.err;
  EXPECT_THAT(first.log, HasSubstr("E_NVML_TIMEOUT"));
  EXPECT_EQ(second.container.status, 0) << second.container.err;
  EXPECT_THAT(second.log, AllOf(HasSubstr("W_REQ_UNKNOWN"), Not(HasSubstr("E_NVML_TIMEOUT")),
                                HasSubstr("did not answer in time")));
}

// As it is until a GPU is first used, where no persistence daemon runs.
TEST_F(Nvml, KnowsTheUuidsThatTheDriverDoesNotKnowYet) {
  const HostWithNvml host;
  const auto forgotten =
      run({"sh", "-c", "sed -i 's/GPU-5.*/GPU-?-?/' \"$0\"/proc/driver/nvidia/gpus/*/information",
           host.path()});
  ASSERT_EQ(forgotten.status, 0) << forgotten.err;

  const auto [container, log] = run_with("NOTHING=required", host.path(), "GPU-5fee0101");

  EXPECT_EQ(container.status, 0) << container.err;
  EXPECT_EQ(container.out, "started\nnvidia1\n");
}

TEST_F(Nvml, IsAskedForADryRunAsWell) {
  EngineBundle bundle("minbase");
  bundle.env("NVIDIA_VISIBLE_DEVICES=all");
  bundle.env(kGeForce);
  ASSERT_EQ(bundle.run_in_runc("true").status, 0) << "config.json is there now";
  auto arguments = nlohmann::json(hook_entry("prestart")["args"]).get<std::vector<std::string>>();
  arguments.front() = NVHOOK_PROGRAM;
  arguments.back() = "--dry-run";
  arguments.insert(arguments.end(), {"--bundle", bundle.path()});

  const auto done = run(arguments);

  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.err, HasSubstr("brand is Tesla"));
}

// nvhook info --nvml fails where the hook goes on.
Finished info(const fs::path& host) {
  return run({NVHOOK_PROGRAM, "info", "--nvml", "--driver-root", host, "--dev-root", host,
              "--proc-root", host / "proc", "--sys-root", host / "sys"});
}

TEST_F(Nvml, IsShownByInfo) {
  const auto done = info(NVHOOK_SIMULATED_HOST);

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("0  brand Tesla  architecture 8.0"));
}

TEST_F(Nvml, ThatIsGoneIsAnErrorOfInfo) {
  const HostWithNvml host;
  fs::remove(host.path() / "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14");

  const auto done = info(host.path());

  EXPECT_EQ(done.status, 3);
  EXPECT_THAT(done.err, AllOf(HasSubstr("libnvidia-ml"), Not(HasSubstr("E_BUG"))));
}

TEST_F(Nvml, ThatCrashesIsAnErrorOfInfo) {
  const HostWithNvml host(R"("crash": "nvmlInit_v2")");

  const auto done = info(host.path());

  EXPECT_EQ(done.status, 3);
  EXPECT_THAT(done.err, HasSubstr("nvhook: E_NVML_"));
}

}  // namespace
}  // namespace nvhook::test
