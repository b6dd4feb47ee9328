// SPDX-License-Identifier: Apache-2.0
// Who may ask for devices, and by which variables and mounts.
#include <gmock/gmock.h>

#include "nvhook/request/parse.hpp"
#include "request/container.hpp"

namespace nvhook::request {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a request was made of, and nothing else of it: "0 1 by swarm".
std::string asked(const oci::Config& container, const Rules& rules) {
  const auto parsed = parse(container, rules);
  if (!parsed) return std::string(name_of(parsed.error().id()));
  if (const auto* nothing = std::get_if<NothingAsked>(&parsed->asked)) return nothing->reason;
  const auto& request = std::get<Request>(parsed->asked);
  std::string text;
  for (const auto& device : request.devices) text += device + " ";
  return text + "by " + std::string(name_of(request.source));
}

TEST(Privileged, IsWhoHasSysAdminInTheBoundingSet) {
  const auto is_privileged = [](std::vector<std::string> bounding) {
    auto config = with_env({"NVIDIA_VISIBLE_DEVICES=all"});
    config.bounding_capabilities = std::move(bounding);
    const auto parsed = parse(config, {});
    return parsed && std::get<Request>(parsed->asked).privileged;
  };

  EXPECT_TRUE(is_privileged({"CAP_CHOWN", "CAP_SYS_ADMIN"}));
  EXPECT_FALSE(is_privileged({}));
  EXPECT_FALSE(is_privileged({"CAP_SYS_ADMINISTRATOR", "cap_sys_admin", "SYS_ADMIN"}));
}

TEST(Privileged, IsNotWhoHasSysAdminInAnotherSet) {
  auto config = with_env({"NVIDIA_VISIBLE_DEVICES=all"});
  config.sys_admin = true;  // in any set

  EXPECT_EQ(asked(config, trusting_privileged_only()),
            "NVIDIA_VISIBLE_DEVICES is not accepted from an unprivileged container");
}

TEST(Environment, OfUnprivilegedContainersCountsUnlessTheRulesSayNo) {
  const auto config = with_env({"NVIDIA_VISIBLE_DEVICES=0"});

  EXPECT_EQ(asked(config, {}), "0 by environment");
  EXPECT_EQ(asked(config, trusting_privileged_only()),
            "NVIDIA_VISIBLE_DEVICES is not accepted from an unprivileged container");
  EXPECT_EQ(asked(privileged(config), trusting_privileged_only()), "0 by environment");
}

TEST(Environment, ThatDoesNotCountIsWarnedOf) {
  const auto parsed =
      parse(with_env({"NVIDIA_VISIBLE_DEVICES=bogus\x1b"}), trusting_privileged_only());

  ASSERT_TRUE(parsed) << parsed.error().text();
  ASSERT_THAT(ids_of(parsed->warnings), ElementsAre(WarningId::ReqUntrusted));
  EXPECT_THAT(parsed->warnings[0].text,
              HasSubstr("NVIDIA_VISIBLE_DEVICES asks for GPUs, which the settings accept from no "
                        "container without CAP_SYS_ADMIN in its bounding set"));
}

TEST(Environment, ThatAsksForNothingIsNotWarnedOf) {
  for (const std::vector<std::string>& env : {std::vector<std::string>{},
                                              {"NVIDIA_VISIBLE_DEVICES="},
                                              {"NVIDIA_VISIBLE_DEVICES=0,void"}}) {
    const auto parsed = parse(with_env(env), trusting_privileged_only());
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_TRUE(std::holds_alternative<NothingAsked>(parsed->asked));
    EXPECT_THAT(parsed->warnings, IsEmpty());
  }
}

TEST(Environment, OfALegacyImageIsTrustedNoMore) {
  const auto parsed = parse(with_env({"CUDA_VERSION=9.0"}), trusting_privileged_only());

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(std::get<NothingAsked>(parsed->asked).reason,
            "CUDA_VERSION is not accepted from an unprivileged container");
  EXPECT_THAT(ids_of(parsed->warnings), ElementsAre(WarningId::ReqUntrusted));
}

// Beside GPUs by a mount: what is about files counts, what is about devices does not.
TEST(Environment, ThatDoesNotCountStillChoosesFiles) {
  const auto parsed =
      parse(with_mounts({"0"}, {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=video",
                                "NVIDIA_REQUIRE_CUDA=cuda>=12", "NVIDIA_IMEX_CHANNELS=7",
                                "NVIDIA_GDS=enabled"}),
            trusting_mounts_only());

  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& request = std::get<Request>(parsed->asked);
  EXPECT_THAT(request.devices, ElementsAre("0"));
  EXPECT_EQ(request.capabilities, Capabilities{Capability::Video});
  EXPECT_EQ(request.demands.size(), 1U);
  EXPECT_THAT(request.imex_channels, IsEmpty());
  EXPECT_THAT(request.features, IsEmpty());
  EXPECT_THAT(ids_of(parsed->warnings),
              ElementsAre(WarningId::ReqUntrusted, WarningId::ReqUntrusted));
}

TEST(VolumeMounts, CountBeforeTheEnvironment) {
  const auto config = with_mounts({"1"}, {"NVIDIA_VISIBLE_DEVICES=void"});

  EXPECT_EQ(asked(config, accepting_mounts()), "1 by volume-mounts");
  EXPECT_EQ(asked(config, trusting_mounts_only()), "1 by volume-mounts");
  EXPECT_EQ(asked(config, {}), "NVIDIA_VISIBLE_DEVICES is void");
}

TEST(VolumeMounts, LeaveTheEnvironmentWhereThereIsNone) {
  auto config = with_env({"NVIDIA_VISIBLE_DEVICES=0"});
  config.mounts = {{.destination = "/proc", .type = "proc", .source = "proc", .options = {}}};

  EXPECT_EQ(asked(config, accepting_mounts()), "0 by environment");
}

TEST(VolumeMounts, AreBounded) {
  std::vector<std::string> many;
  for (int i = 0; i < 4097; ++i) many.push_back(std::to_string(i));

  EXPECT_EQ(asked(with_mounts(many), accepting_mounts()), "E_REQ_DEVICE");
  many.pop_back();
  EXPECT_TRUE(parse(with_mounts(many), accepting_mounts()));
}

TEST(VolumeMounts, SayWhichOfThemIsWrong) {
  const auto parsed = parse(with_mounts({"none"}), accepting_mounts());

  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().text(),
              HasSubstr("/var/run/nvidia-container-devices: \"none\" names no GPU: all, an index"));
}

class Swarm : public ::testing::Test {
 protected:
  const Rules rules_{.swarm_resources = {"DOCKER_RESOURCE_GPU", "DOCKER_RESOURCE_MIG"}};
};

TEST_F(Swarm, NamesTheVariablesThatCountInsteadOfTheUsualOne) {
  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_GPU=1", "NVIDIA_VISIBLE_DEVICES=all"}), rules_),
            "1 by swarm");
  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_GPU=1"}), {}), "NVIDIA_VISIBLE_DEVICES is not set");
}

TEST_F(Swarm, JoinsTheListsOfAllThatAreSet) {
  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_MIG=0:1,1", "DOCKER_RESOURCE_GPU=1, 2,"}), rules_),
            "1 2 0:1 by swarm");
  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_MIG=none", "DOCKER_RESOURCE_GPU=0"}), rules_),
            "none by swarm");
}

TEST_F(Swarm, LeavesTheUsualVariableWhereNoneIsSet) {
  EXPECT_EQ(asked(with_env({"NVIDIA_VISIBLE_DEVICES=0"}), rules_), "0 by environment");
  EXPECT_EQ(asked(with_env({"CUDA_VERSION=9.0"}), rules_), "all by legacy-image");
}

TEST_F(Swarm, CountsAVariableThatIsSetAndEmpty) {
  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_GPU=", "NVIDIA_VISIBLE_DEVICES=all"}), rules_),
            "DOCKER_RESOURCE_GPU is empty");
  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_GPU=", "CUDA_VERSION=9.0"}), rules_),
            "DOCKER_RESOURCE_GPU is empty");
}

TEST_F(Swarm, IsNamedInWhatIsWrongWithIt) {
  EXPECT_THAT(parse(with_env({"DOCKER_RESOURCE_MIG=x"}), rules_).error().text(),
              HasSubstr("DOCKER_RESOURCE_MIG: \"x\" names no GPU"));
}

TEST_F(Swarm, IsTrustedNoMoreThanTheRestOfTheEnvironment) {
  auto rules = rules_;
  rules.accept_environment_when_unprivileged = false;

  EXPECT_EQ(asked(with_env({"DOCKER_RESOURCE_GPU=0"}), rules),
            "DOCKER_RESOURCE_GPU is not accepted from an unprivileged container");
}

}  // namespace
}  // namespace nvhook::request
