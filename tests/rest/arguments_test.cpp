// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "rest/asking.hpp"
#include "rest/samples.hpp"

namespace nvhook::rest {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

void expect_refusal(std::string_view query, const std::string& text) {
  for (const std::string path : {"/docker/cli", "/docker/cli/json"}) {
    const auto answer = ask(two_gpus(), path + std::string(query));

    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, text);
    EXPECT_EQ(answer.type, "text/plain; charset=utf-8");
    EXPECT_EQ(answer.headers.at("X-Content-Type-Options"), "nosniff");
  }
}

TEST(DockerArguments, NamesDevicesBeforeVolumesAsWrong) {
  expect_refusal("?dev=7", "invalid device: 7\n");
  expect_refusal("?vol=disk", "invalid volume: disk\n");
  expect_refusal("?vol=disk&dev=7", "invalid device: 7\n");
}

TEST(DockerArguments, RepeatsAVolumeThatIsAskedForTwice) {
  const auto answer = ask(two_gpus(), "/docker/cli/json?vol=nvidia_driver+nvidia_driver&dev=1");

  EXPECT_EQ(
      answer.body,
      R"({"VolumeDriver":"nvidia-docker","Volumes":[)"
      R"("nvidia_driver_361.48:/usr/local/nvidia:ro","nvidia_driver_361.48:/usr/local/nvidia:ro"],)"
      R"("Devices":["/dev/nvidiactl","/dev/nvidia-uvm","/dev/nvidia-uvm-tools","/dev/nvidia1"]})"
      "\n");
}

TEST(DockerArguments, HaveTheToolsNodeWhereThereIsOne) {
  auto facts = one_gpu();
  facts.uvm_tools = false;

  EXPECT_THAT(ask(facts, "/docker/cli").body,
              EndsWith("--device=/dev/nvidia-uvm --device=/dev/nvidia0"));
}

TEST(DockerArguments, NameNodesByTheirMinorNumbers) {
  auto facts = two_gpus();
  facts.nvml.gpus[0].minor = 1;
  facts.nvml.gpus[1].minor = 0;

  EXPECT_THAT(ask(facts, "/docker/cli?dev=0").body, EndsWith(" --device=/dev/nvidia1"));
}

TEST(DockerArguments, LeaveOutAGpuWithoutANodeUnlessItIsNamed) {
  EXPECT_THAT(ask(lost_gpu(), "/docker/cli").body, EndsWith(" --device=/dev/nvidia0"));
  EXPECT_THAT(ask(lost_gpu(), "/docker/cli?dev=0").body, EndsWith(" --device=/dev/nvidia0"));

  const auto answer = ask(lost_gpu(), "/docker/cli?dev=0+1");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "internal error, check logs for details\n");
}

TEST(DockerArguments, TakeTheModulesVersionWhereNvmlHasNone) {
  auto facts = one_gpu();
  facts.nvml.driver.reset();
  facts.driver_version = "550.54.14";

  EXPECT_THAT(ask(facts, "/docker/cli").body, HasSubstr("nvidia_driver_550.54.14:"));
  EXPECT_THAT(ask(facts, "/gpu/info").body, HasSubstr("Driver version:          550.54.14\n"));
}

TEST(Arguments, HaveNothingThatAShellTakesForMoreThanText) {
  for (const std::string bad : {"361.48;id", "361.48 --privileged",
                                "$(id)",     "`id`",
                                "1|2",       "1&2",
                                "a\nb",      "1>2",
                                "'",         "\"",
                                "\\",        "*",
                                "?",         "~",
                                "#",         "!",
                                "{1,2}",     "[1]",
                                "\xc3\xa9",  ""}) {
    SCOPED_TRACE(bad);
    auto facts = two_gpus();
    facts.nvml.driver = bad;
    for (const auto* path : {"/docker/cli", "/docker/cli/json"})
      EXPECT_EQ(ask(facts, path).status, 500);

    facts = two_gpus();
    facts.nvml.gpus[1].uuid = "GPU-" + bad;
    EXPECT_EQ(ask(facts, "/mesos/cli").status, bad.empty() ? 200 : 500);
  }
}

TEST(Arguments, SayInTheLogWhatHasNoPlaceOnACommandLine) {
  std::vector<std::string> said;
  auto facts = two_gpus();
  facts.nvml.driver = "1;id";
  auto service =
      service_of(facts, {.say = [&said](const std::string& text) { said.push_back(text); }});

  EXPECT_EQ(ask(service, "/docker/cli").status, 500);
  EXPECT_EQ(ask(service, "/docker/cli?dev=1").status, 500);

  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("\"1;id\""));
}

TEST(MesosArguments, LeaveOutAGpuWhoseUuidIsNotKnown) {
  EXPECT_THAT(ask(lost_gpu(), "/mesos/cli").body,
              EndsWith(" --resources=gpus:{GPU-a1c2e3f4-0b1d-4c5e-8f90-1234567890ab}"));
}

}  // namespace
}  // namespace nvhook::rest
