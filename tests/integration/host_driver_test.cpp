// SPDX-License-Identifier: Apache-2.0
// The driver of a host in real runc containers: of this machine's, with its GPUs, and of the
// simulated one, which shows that these tests hold on what they are about.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "integration/engine.hpp"
#include "integration/tree_picture.hpp"
#include "support/command.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

#ifdef NVHOOK_HOST_IS_REAL
constexpr bool kReal = true;
#else
constexpr bool kReal = false;
#endif

std::vector<std::string> options_for_the_host() {
  if (kReal) return {};
  const std::filesystem::path host = NVHOOK_SIMULATED_HOST;
  return {"--driver-root", host,          "--dev-root", host,
          "--proc-root",   host / "proc", "--sys-root", host / "sys"};
}

nlohmann::json hook(const std::string& stage) {
  std::vector<std::string> arguments = {"nvhook"};
  for (auto& option : options_for_the_host()) arguments.push_back(std::move(option));
  arguments.push_back(stage);
  return {{"path", NVHOOK_PROGRAM}, {"args", arguments}, {"env", {"PATH=/usr/bin:/bin"}}};
}

// What nvhook knows of the host.
nlohmann::json info() {
  std::vector<std::string> command = {NVHOOK_PROGRAM, "info", "--format", "json"};
  for (auto& option : options_for_the_host()) command.push_back(std::move(option));
  const auto done = run(command);
  EXPECT_EQ(done.status, 0) << done.err;
  return nlohmann::json::parse(done.out, nullptr, false);
}

std::vector<std::string> uuids(const nlohmann::json& gpus) {
  std::vector<std::string> all;
  for (const auto& gpu : gpus) all.push_back(gpu["uuid"]);
  return all;
}

class HostDriver : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = kReal ? std::string() : engines_unavailable(); !why.empty())
      GTEST_SKIP() << why;
    bundle_.config["hooks"] = {{"createRuntime", {hook("createRuntime")}},
                               {"poststop", {hook("poststop")}}};
    host_ = info();
    ASSERT_TRUE(host_.is_object());
    ASSERT_FALSE(host_["gpus"].empty());
  }

  EngineBundle bundle_{"minbase"};
  nlohmann::json host_;
};

TEST_F(HostDriver, NvidiaSmiListsEveryGpu) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=all");

  const auto done = bundle_.run_in_runc("nvidia-smi -L");

  EXPECT_EQ(done.status, 0) << done.err << done.out;
  for (const auto& uuid : uuids(host_["gpus"])) EXPECT_THAT(done.out, HasSubstr(uuid));
}

TEST_F(HostDriver, NvidiaSmiListsTheGpuThatWasAskedForAlone) {
  const auto all = uuids(host_["gpus"]);
  bundle_.env("NVIDIA_VISIBLE_DEVICES=" + all.back());

  const auto done = bundle_.run_in_runc("nvidia-smi -L");

  EXPECT_EQ(done.status, 0) << done.err << done.out;
  EXPECT_THAT(done.out, HasSubstr(all.back()));
  for (std::size_t i = 0; i + 1 < all.size(); ++i) EXPECT_THAT(done.out, Not(HasSubstr(all[i])));
}

TEST_F(HostDriver, NvidiaSmiSaysTheVersionOfTheModule) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=all");

  const auto done = bundle_.run_in_runc("nvidia-smi");

  EXPECT_EQ(done.status, 0) << done.err << done.out;
  EXPECT_THAT(done.out, HasSubstr(host_["driver"]["version"].get<std::string>()));
}

TEST_F(HostDriver, CudaComputesOnEveryGpu) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=all");
  std::filesystem::copy_file(NVHOOK_CUDA_SUM, bundle_.rootfs("/usr/bin/cuda-sum"));

  const auto counted = bundle_.run_in_runc("cuda-sum --count");
  EXPECT_EQ(counted.out, std::to_string(host_["gpus"].size()) + "\n") << counted.err;

  if (!kReal) return;  // the simulated driver computes nothing
  const auto done = bundle_.run_in_runc("cuda-sum");
  EXPECT_EQ(done.status, 0) << done.err;
  const auto lines = static_cast<std::size_t>(std::ranges::count(done.out, '\n'));
  EXPECT_EQ(lines, host_["gpus"].size()) << done.out;
}

TEST_F(HostDriver, ContainerWithoutARequestSeesNothingOfIt) {
  const auto done = bundle_.run_in_runc("nvidia-smi -L || ls /dev");

  EXPECT_THAT(done.out, Not(HasSubstr("nvidia")));
}

TEST_F(HostDriver, LeavesTheRootAsItWas) {
  const auto before = picture_of(bundle_.rootfs("/"));
  bundle_.env("NVIDIA_VISIBLE_DEVICES=all");
  bundle_.env("NVIDIA_DRIVER_CAPABILITIES=all");

  EXPECT_EQ(bundle_.run_in_runc("nvidia-smi -L").status, 0);

  EXPECT_THAT(differences(before, picture_of(bundle_.rootfs("/"))), IsEmpty());
}

}  // namespace
}  // namespace nvhook::test
