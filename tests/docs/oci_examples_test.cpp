// SPDX-License-Identifier: Apache-2.0
// The files of oci-examples/ are read by the parsers that read a runtime's own.
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "nvhook/nvml/ask.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/oci/state.hpp"
#include "nvhook/request/parse.hpp"

namespace nvhook {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;

std::string content_of(const std::string& file) {
  std::ifstream in(NVHOOK_SOURCE_DIR "/oci-examples/" + file);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

// A hook of both formats: found without PATH, with its environment said, and never left running.
void expect_registered(const nlohmann::json& hook, const std::string& stage) {
  EXPECT_EQ(hook.at("path"), "/usr/local/bin/nvhook");
  EXPECT_EQ(hook.at("args"), nlohmann::json({"nvhook", stage}));
  EXPECT_EQ(hook.at("env"), nlohmann::json({"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}));
  const std::chrono::seconds timeout(hook.at("timeout").get<int>());
  EXPECT_GT(timeout, stage == "poststop" ? std::chrono::seconds(0) : nvml::kDeadline)
      << "an NVML that hangs is not to stop a container";
}

TEST(ExampleConfig, AsksForAllGpus) {
  const auto config = oci::parse_config(content_of("config.json"));

  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->root_path, "rootfs");
  EXPECT_FALSE(config->root_readonly);
  const auto asked = request::parse(*config, {});
  ASSERT_TRUE(asked) << asked.error().text();
  ASSERT_TRUE(std::holds_alternative<request::Request>(asked->asked));
  const auto& request = std::get<request::Request>(asked->asked);
  EXPECT_THAT(request.devices, ElementsAre("all"));
  EXPECT_EQ(request.capabilities, (Capabilities{Capability::Compute, Capability::Utility}));
}

TEST(ExampleConfig, RunsTheHookBeforeTheContainerStarts) {
  const auto json = nlohmann::json::parse(content_of("config.json"));

  ASSERT_EQ(json.at("hooks").at("prestart").size(), 1U);
  expect_registered(json.at("hooks").at("prestart").at(0), "prestart");
}

TEST(ExampleConfig, RunsTheHookWhenTheContainerHasStopped) {
  const auto json = nlohmann::json::parse(content_of("config.json"));

  ASSERT_EQ(json.at("hooks").at("poststop").size(), 1U);
  expect_registered(json.at("hooks").at("poststop").at(0), "poststop");
}

// Source: containers/common, pkg/hooks/docs/oci-hooks.5.md.
TEST(ExampleOfPodman, HasWhatTheFormatRequires) {
  for (const auto& [file, stage] :
       {std::pair("nvhook.json", "createRuntime"), {"nvhook-poststop.json", "poststop"}}) {
    const auto json = nlohmann::json::parse(content_of(std::string("hooks.d/") + file));

    EXPECT_EQ(json.at("version"), "1.0.0");
    EXPECT_EQ(json.at("when"), nlohmann::json({{"always", true}}));
    EXPECT_EQ(json.at("stages"), nlohmann::json({stage}));
    expect_registered(json.at("hook"), stage);
  }
}

TEST(ExampleState, IsThatOfAContainerBeingCreated) {
  for (const auto* file : {"state.runc.json", "state.crun.json"}) {
    const auto state = oci::parse_state(content_of(file));

    ASSERT_TRUE(state) << file << ": " << state.error().text();
    EXPECT_TRUE(state->pid) << file;
    EXPECT_EQ(state->id, "nvhook-example") << file;
    EXPECT_EQ(state->bundle, "/srv/nvhook-example") << file;
  }
}

TEST(ExampleState, ShowsWhereRuntimesDiffer) {
  const auto runc = oci::parse_state(content_of("state.runc.json"));
  const auto crun = oci::parse_state(content_of("state.crun.json"));

  ASSERT_TRUE(runc && crun);
  EXPECT_EQ(runc->status, "creating");
  EXPECT_EQ(crun->status, "created");
  EXPECT_FALSE(runc->root);
  EXPECT_THAT(crun->root, Eq("rootfs"));
}

}  // namespace
}  // namespace nvhook
