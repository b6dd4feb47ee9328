// SPDX-License-Identifier: Apache-2.0
// What can be asked for beside GPUs and files: power over MIG devices, IMEX channels, features; and
// what the rules do to capabilities and demands.
#include <gmock/gmock.h>

#include "nvhook/request/parse.hpp"
#include "request/container.hpp"

namespace nvhook::request {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

oci::Config asking(std::vector<std::string> more, std::string_view devices = "all") {
  more.push_back("NVIDIA_VISIBLE_DEVICES=" + std::string(devices));
  return with_env(std::move(more));
}

// The request with its warnings; an empty one where there is none, as a test then shows.
struct Outcome {
  Request request;
  std::vector<Warning> warnings;
};
Outcome outcome(const oci::Config& container, const Rules& rules = {}) {
  auto parsed = parse(container, rules);
  EXPECT_TRUE(parsed) << parsed.error().text();
  if (!parsed || !std::holds_alternative<Request>(parsed->asked)) return {};
  return {std::get<Request>(parsed->asked), parsed->warnings};
}

std::string error(const oci::Config& container, const Rules& rules = {}) {
  const auto parsed = parse(container, rules);
  return parsed ? "none" : parsed.error().text();
}

class MigControl : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static std::string variable(std::string_view value) {
    return "NVIDIA_MIG_" + std::string(GetParam()) + "_DEVICES=" + std::string(value);
  }
  [[nodiscard]] static bool is_granted(const Request& request) {
    return std::string_view(GetParam()) == "CONFIG" ? request.mig_config : request.mig_monitor;
  }
};
INSTANTIATE_TEST_SUITE_P(Both, MigControl, ::testing::Values("CONFIG", "MONITOR"));

TEST_P(MigControl, IsForPrivilegedContainers) {
  EXPECT_TRUE(is_granted(outcome(privileged(asking({variable("all")}))).request));
  EXPECT_FALSE(is_granted(outcome(privileged(asking({}))).request));
  EXPECT_FALSE(is_granted(outcome(asking({variable("")})).request));
  EXPECT_THAT(error(asking({variable("all")})),
              ::testing::AllOf(HasSubstr("E_REQ_MIG"), HasSubstr(GetParam()),
                               HasSubstr("is for privileged containers only")));
}

TEST_P(MigControl, IsOverAllMigDevices) {
  for (const auto* value : {"0", "0:0", "ALL", "none", "all,0"})
    EXPECT_THAT(error(privileged(asking({variable(value)}))),
                ::testing::AllOf(HasSubstr("E_REQ_MIG"), HasSubstr("only all is")))
        << value;
  EXPECT_THAT(error(privileged(asking({variable("x\x1b")}))), HasSubstr("\"x\\x1b\""));
}

TEST_P(MigControl, IsNotGrantedBesideSingleMigDevices) {
  for (const auto* devices : {"0:1", "0,1:0", "MIG-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
                              "MIG-GPU-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/1/0"})
    EXPECT_THAT(
        error(privileged(asking({variable("all")}, devices))),
        ::testing::AllOf(HasSubstr("E_REQ_MIG"), HasSubstr("the container asks for single")))
        << devices;
  for (const auto* devices : {"0", "all", "none"})
    EXPECT_TRUE(is_granted(outcome(privileged(asking({variable("all")}, devices))).request));
}

TEST_P(MigControl, MakesNoRequestOfItsOwn) {
  const auto parsed = parse(with_env({variable("all")}), {});

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_TRUE(std::holds_alternative<NothingAsked>(parsed->asked));
}

TEST(ImexChannels, AreNumbersEachOnceInOrder) {
  EXPECT_THAT(outcome(asking({"NVIDIA_IMEX_CHANNELS= 7,0,,7,1048575"})).request.imex_channels,
              ElementsAre(0, 7, 1048575));
  EXPECT_THAT(outcome(asking({"NVIDIA_IMEX_CHANNELS="})).request.imex_channels, IsEmpty());
}

TEST(ImexChannels, AreRefusedOtherwise) {
  for (const auto* value : {"1048576", "-1", "0x1", "channel1", "0,all", "all,all", "0-3", "none"})
    EXPECT_THAT(error(asking({"NVIDIA_IMEX_CHANNELS=" + std::string(value)})),
                ::testing::AllOf(HasSubstr("E_REQ_IMEX: NVIDIA_IMEX_CHANNELS: "),
                                 HasSubstr("a number from 0 to 1048575 is due")))
        << value;
  EXPECT_THAT(error(asking({"NVIDIA_IMEX_CHANNELS=" + std::string(256 * 1024, '1') + "1"})),
              HasSubstr("E_REQ_IMEX"));
}

TEST(ImexChannels, OfALoneAllAreNone) {
  const auto [request, warnings] = outcome(asking({"NVIDIA_IMEX_CHANNELS= all "}));

  EXPECT_THAT(request.imex_channels, IsEmpty());
  EXPECT_THAT(ids_of(warnings), ElementsAre(WarningId::ReqIgnored));
}

TEST(ImexChannels, OfMountsCountBeforeTheEnvironment) {
  const auto container = with_mounts({"all", "imex/3"}, {"NVIDIA_IMEX_CHANNELS=bogus"});

  EXPECT_THAT(outcome(container, accepting_mounts()).request.imex_channels, ElementsAre(3));
  EXPECT_THAT(error(with_mounts({"all", "imex/all"}), accepting_mounts()),
              HasSubstr("E_REQ_IMEX: /var/run/nvidia-container-devices/imex: \"all\""));
}

TEST(ImexChannels, AreIgnoredWhereTheRulesSaySo) {
  Rules rules = accepting_mounts();
  rules.ignore_imex_channels = true;

  const auto [request, warnings] =
      outcome(with_mounts({"0", "imex/x"}, {"NVIDIA_IMEX_CHANNELS=bogus"}), rules);
  EXPECT_THAT(request.imex_channels, IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(Features, AreEnabledByThatVeryWord) {
  EXPECT_THAT(outcome(asking({"NVIDIA_NVSWITCH=enabled", "NVIDIA_GDS=enabled",
                              "NVIDIA_GDRCOPY=enabled", "NVIDIA_MOFED=enabled"}))
                  .request.features,
              ElementsAre(Feature::Gds, Feature::Mofed, Feature::Gdrcopy, Feature::NvSwitch));
  EXPECT_THAT(outcome(asking({"NVIDIA_GDS=enabled", "NVIDIA_GDS=disabled"})).request.features,
              IsEmpty());
}

TEST(Features, OfOtherWordsAreWarnedOf) {
  for (const auto* value : {"1", "Enabled", " enabled", "true"}) {
    const auto [request, warnings] = outcome(asking({"NVIDIA_MOFED=" + std::string(value)}));
    EXPECT_THAT(request.features, IsEmpty()) << value;
    EXPECT_THAT(ids_of(warnings), ElementsAre(WarningId::ReqIgnored)) << value;
  }
  for (const auto* value : {"", "disabled"})
    EXPECT_THAT(outcome(asking({"NVIDIA_MOFED=" + std::string(value)})).warnings, IsEmpty());
}

TEST(Features, HaveNames) {
  EXPECT_EQ(name_of(Feature::Gds), "gds");
  EXPECT_EQ(name_of(Feature::Mofed), "mofed");
  EXPECT_EQ(name_of(Feature::Gdrcopy), "gdrcopy");
  EXPECT_EQ(name_of(Feature::NvSwitch), "nvswitch");
}

TEST(SupportedCapabilities, AreAllThatThereAre) {
  const Rules rules{.supported_capabilities = {Capability::Utility, Capability::Video}};
  const auto capabilities = [&](const std::string& list) {
    return outcome(asking({"NVIDIA_DRIVER_CAPABILITIES=" + list}), rules).request.capabilities;
  };

  EXPECT_EQ(capabilities("all"), rules.supported_capabilities);
  EXPECT_EQ(capabilities(""), Capabilities{Capability::Utility});
  EXPECT_EQ(capabilities("video"), Capabilities{Capability::Video});
  EXPECT_THAT(error(asking({"NVIDIA_DRIVER_CAPABILITIES=video,compute"}), rules),
              HasSubstr("E_REQ_CAPABILITY: NVIDIA_DRIVER_CAPABILITIES: \"compute\" is none of all, "
                        "utility, video, which nvhook's settings support"));
}

TEST(DisableRequire, IsWarnedOfWhereItIsNeitherTrueNorFalse) {
  const auto warnings = [](std::string_view value) {
    return ids_of(outcome(asking({"NVIDIA_DISABLE_REQUIRE=" + std::string(value)})).warnings);
  };

  for (const auto* value : {"yes", "on", "2", " 1"})
    EXPECT_THAT(warnings(value), ElementsAre(WarningId::ReqIgnored)) << value;
  for (const auto* value : {"", "0", "false", "1", "true"})
    EXPECT_THAT(warnings(value), IsEmpty()) << value;
}

TEST(DisableRequire, IsARuleAsWell) {
  const Rules rules{.disable_require = true};

  EXPECT_THAT(outcome(asking({"NVIDIA_REQUIRE_CUDA=cuda>=99"}), rules).request.demands, IsEmpty());
  EXPECT_THAT(outcome(with_env({"CUDA_VERSION=new"}), rules).request.demands, IsEmpty());
}

}  // namespace
}  // namespace nvhook::request
