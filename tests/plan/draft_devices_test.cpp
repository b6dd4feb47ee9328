// SPDX-License-Identifier: Apache-2.0
// The nodes that come with GPUs, their instances, and what images ask for beside them.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nvhook/plan/print.hpp"
#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using request::GpuId;
using request::GpuIndex;
using request::MigIndex;
using request::NoGpus;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Capabilities kUtility{Capability::Utility};

driver::DeviceNode extra(const std::string& name, DeviceNumber number) {
  return {.path = {"/dev/" + name}, .name = name, .number = number};
}

class DraftDevices : public PlanOf {
 protected:
  DraftDevices() {
    driver_ = test::partitioned_driver();
    driver_.imex_channels = {extra("nvidia-caps-imex-channels/channel0", {242, 0}),
                             extra("nvidia-caps-imex-channels/channel3", {242, 3})};
    request_ = test::asking_for(NoGpus{}, kUtility);
  }
  void ask_for(request::GpuSelection gpus) { request_.gpus = std::move(gpus); }
  // Below /dev, without the control node.
  [[nodiscard]] std::vector<std::string> nodes() const {
    std::vector<std::string> nodes;
    for (const auto& mount : draft().mounts)
      if (mount.kind == Kind::Device && mount.place.name != "nvidiactl")
        nodes.push_back((mount.place.directory / mount.place.name).value.substr(5));
    return nodes;
  }
  [[nodiscard]] Error draft_error() const {
    const auto made = plan::draft(request_, driver_, image_);
    EXPECT_FALSE(made);
    return made ? Error(ErrorId::Bug, "none") : made.error();
  }
};

TEST_F(DraftDevices, OfAMigDeviceAreItsGpusAndThoseOfItsTwoInstances) {
  ask_for(std::vector<GpuId>{MigIndex{1, 2}});

  EXPECT_THAT(nodes(),
              ElementsAre("nvidia3", "nvidia-caps/nvidia-cap19", "nvidia-caps/nvidia-cap21"));
  const auto mounts = draft().mounts;
  EXPECT_EQ(mounts.back().place, (Place{{"/dev/nvidia-caps"}, "nvidia-cap21"}));
  EXPECT_EQ(mounts.back().number, (DeviceNumber{241, 21}));
  EXPECT_EQ(mounts.back().reason, "GPU 1, GPU instance 5, compute instance 1");
}

TEST_F(DraftDevices, OfTwoMigDevicesOfOneInstanceHaveTheInstancesOnce) {
  ask_for(std::vector<GpuId>{MigIndex{0, 2}, MigIndex{0, 1}});

  EXPECT_THAT(nodes(), ElementsAre("nvidia0", "nvidia-caps/nvidia-cap12",
                                   "nvidia-caps/nvidia-cap13", "nvidia-caps/nvidia-cap14"));
}

TEST_F(DraftDevices, OfAllGpusAreThoseOfAllInstances) {
  ask_for(AllGpus{});

  EXPECT_EQ(nodes().size(), 16U);
  EXPECT_THAT(nodes(), Contains("nvidia-caps/nvidia-cap10"));
  EXPECT_THAT(nodes(), Contains("nvidia-caps/nvidia-cap23"));
}

TEST_F(DraftDevices, ThatPartitionAndMonitorComeWhenAskedFor) {
  EXPECT_THAT(nodes(), IsEmpty());
  request_.mig_config = true;
  EXPECT_THAT(nodes(), ElementsAre("nvidia-caps/nvidia-cap1"));
  request_.mig_monitor = true;
  EXPECT_THAT(nodes(), ElementsAre("nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2"));
  ask_for(std::vector<GpuId>{GpuIndex{0}});
  EXPECT_EQ(nodes().size(), 10U) << "with the instances of the GPU";
}

TEST_F(DraftDevices, ThatPartitionAreMissedByNameWhenAskedFor) {
  request_.mig_config = true;
  driver_.mig_config->missing = "no device node X";
  EXPECT_EQ(draft_error().id(), ErrorId::NodeMissing);
  EXPECT_THAT(draft_error().text(), HasSubstr("NVIDIA_MIG_CONFIG_DEVICES: no device node X"));

  driver_.mig_config.reset();
  EXPECT_EQ(draft_error().id(), ErrorId::NodeMissing);
  EXPECT_THAT(draft_error().text(), HasSubstr("cannot partition GPUs"));
}

TEST_F(DraftDevices, OfAWholeGpusInstancesThatAreMissingAreAWarning) {
  ask_for(AllGpus{});
  driver_.gpus[1].mig[0].access.missing = "no device node X";
  driver_.gpus[1].mig[1].compute[1].access.missing = "no device node Y";

  EXPECT_EQ(nodes().size(), 14U);
  const auto warnings = draft().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].id, WarningId::NodeMissing);
  EXPECT_THAT(warnings[0].text,
              AllOf(HasSubstr("GPU 1, GPU instance 1: no device node X"), HasSubstr("1 more")));
}

TEST_F(DraftDevices, OfImexChannelsAreThoseAskedFor) {
  request_.imex_channels = {3};

  EXPECT_THAT(nodes(), ElementsAre("nvidia-caps-imex-channels/channel3"));
}

TEST_F(DraftDevices, OfImexChannelsThatThereAreNotAreAnErrorWithThoseThatThereAre) {
  request_.imex_channels = {0, 1};
  EXPECT_EQ(draft_error().id(), ErrorId::ReqImex);
  EXPECT_THAT(draft_error().text(),
              HasSubstr("there is no IMEX channel 1 on this host; it has 0, 3 "
                        "(NVIDIA_IMEX_CHANNELS)"));

  driver_.imex_channels.clear();
  EXPECT_THAT(draft_error().text(), HasSubstr("it has none: the option NVreg_CreateImexChannel0"));

  for (std::uint32_t channel = 100; channel < 2000; ++channel)
    driver_.imex_channels.push_back(extra("channel", {242, channel}));
  EXPECT_THAT(draft_error().text(), HasSubstr("114, 115 and 1884 more"));
}

TEST_F(DraftDevices, OfFeaturesAreThoseThatThereAre) {
  driver_.features = {{Feature::Gds, {}, "no device node X"},
                      {Feature::Mofed, {extra("infiniband/uverbs0", {231, 192})}, ""}};
  EXPECT_THAT(nodes(), IsEmpty()) << "nobody asked";
  request_.features = {Feature::Gds, Feature::Mofed};

  EXPECT_THAT(nodes(), ElementsAre("infiniband/uverbs0"));
  const auto warnings = draft().warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].id, WarningId::NodeMissing);
  EXPECT_EQ(warnings[0].text, "NVIDIA_GDS: no device node X");
}

// ---- settled ------------------------------------------------------------------------

TEST_F(DraftDevices, GetADirectoryOfTheContainersDev) {
  ask_for(std::vector<GpuId>{MigIndex{0, 1}});
  directories_[{"/dev/nvidia-caps"}] = {
      .resolved = {"/dev/nvidia-caps"}, .exists = false, .missing = 1, .mount = MountKind::Dev};

  const auto made = plan();

  EXPECT_THAT(made.directories, ElementsAre(ContainerPath{"/dev/nvidia-caps"}));
  const auto mounts = onto(made, "/dev/nvidia-caps/nvidia-cap13");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].state, State::Mount);
  EXPECT_TRUE(mounts[0].makes_point);
  EXPECT_THAT(made.devices,
              Contains(AllOf(
                  ::testing::Field(&Device::path, ContainerPath{"/dev/nvidia-caps/nvidia-cap13"}),
                  ::testing::Field(&Device::number, DeviceNumber{241, 13}))));
  ASSERT_EQ(made.gpus.size(), 1U);
  EXPECT_EQ(made.gpus[0].mig.size(), 1U);
}

TEST_F(DraftDevices, GetADirectoryInADevThatTheRuntimeWillMake) {
  ask_for(std::vector<GpuId>{MigIndex{0, 1}});
  container_.pid.reset();
  // What the image has there will be covered.
  directories_[{"/dev/nvidia-caps"}] = {.resolved = {"/elsewhere"}, .mount = MountKind::Foreign};

  const auto made = plan();

  EXPECT_THAT(made.directories, ElementsAre(ContainerPath{"/dev/nvidia-caps"}));
  EXPECT_EQ(onto(made, "/dev/nvidia-caps/nvidia-cap13").size(), 1U);
}

TEST_F(DraftDevices, ThatTheRuntimeHasMadeNeedARuleOnly) {
  ask_for(std::vector<GpuId>{MigIndex{0, 1}});
  everything_stands();
  lies({"/dev/nvidia-caps"}, MountKind::Foreign);

  const auto made = plan();

  EXPECT_EQ(onto(made, "/dev/nvidia-caps/nvidia-cap13").at(0).state, State::Present);
}

// A container that partitions GPU 1 (minor 3), which can have instances that are not there.
class Partitioning : public DraftDevices {
 protected:
  Partitioning() {
    driver_.partitioning = driver::Partitioning{{"/dev/nvidia-caps"}, {}};
    for (const auto& [gpu, minor] : {std::pair{0U, 30U}, {3U, 22U}, {3U, 31U}, {3U, 32U}})
      driver_.partitioning->rights.push_back(
          {gpu, extra("nvidia-caps/nvidia-cap" + std::to_string(minor), {241, minor})});
    ask_for(std::vector<GpuId>{GpuIndex{1}});
    request_.mig_config = true;
  }
  static std::vector<std::uint32_t> minors(const Plan& plan) {
    std::vector<std::uint32_t> minors;
    for (const auto& device : plan.devices)
      if (device.number.major == 241) minors.push_back(device.number.minor);
    std::ranges::sort(minors);
    return minors;
  }
  // Those of the instances that there are, the control node's, and those to come.
  const std::vector<std::uint32_t> all_ = {1, 17, 18, 19, 20, 21, 22, 23, 31, 32};
};

TEST_F(Partitioning, HasTheWholeDirectoryAndTheRightsOfItsGpusAlone) {
  lies({"/dev"}, MountKind::Dev);

  const auto made = plan();

  EXPECT_THAT(made.directories, ElementsAre(ContainerPath{"/dev/nvidia-caps"}));
  const auto mounts = onto(made, "/dev/nvidia-caps");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].source, HostPath{"/dev/nvidia-caps"});
  EXPECT_EQ(mounts[0].options, kDeviceMount);
  EXPECT_FALSE(mounts[0].makes_point);
  for (const auto& mount : made.mounts)
    EXPECT_FALSE(mount.target.value.starts_with("/dev/nvidia-caps/")) << mount.target.value;
  EXPECT_EQ(minors(made), all_);
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(Partitioning, HasWhatThereIsInADevOfTheHosts) {
  everything_stands();
  lies({"/dev"}, MountKind::Foreign);
  lies({"/dev/nvidia-caps"}, MountKind::Foreign);
  found_[{{"/dev"}, "nvidia-caps"}] = standing(Standing::Directory);

  const auto made = plan();

  EXPECT_THAT(onto(made, "/dev/nvidia-caps"), IsEmpty());
  EXPECT_EQ(onto(made, "/dev/nvidia-caps/nvidia-cap1").at(0).state, State::Present);
  EXPECT_EQ(minors(made), all_);
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(Partitioning, WithoutAPlaceForTheDirectoryIsToldSo) {
  found_[{{"/dev"}, "nvidia-caps"}] = standing(Standing::File);

  const auto made = plan();

  EXPECT_THAT(onto(made, "/dev/nvidia-caps"), IsEmpty());
  EXPECT_EQ(onto(made, "/dev/nvidia-caps/nvidia-cap1").at(0).state, State::Mount);
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_EQ(made.warnings[0].id, WarningId::FileSkipped);
  EXPECT_THAT(made.warnings[0].text, HasSubstr("\"/dev/nvidia-caps\""));
}

TEST_F(Partitioning, IsNothingThatOthersAskFor) {
  request_.mig_config = false;

  EXPECT_THAT(minors(plan()), ElementsAre(17, 18, 19, 20, 21, 22, 23));
}

TEST_F(Partitioning, IsALineOfManyForPeople) {
  for (std::uint32_t minor = 33; minor < 60; ++minor)
    driver_.partitioning->rights.push_back(
        {3, extra("nvidia-caps/nvidia-cap" + std::to_string(minor), {241, minor})});

  const auto text = to_text(plan(), Style::Plain);

  EXPECT_THAT(text, HasSubstr("c 241:31-59 rw"));
  EXPECT_THAT(text, HasSubstr("/dev/nvidia-caps/nvidia-cap31 to \"nvidia-cap59\""));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("c 241:32")));
}

TEST_F(DraftDevices, AreNotPutIntoAVolume) {
  ask_for(std::vector<GpuId>{MigIndex{0, 1}});
  lies({"/dev/nvidia-caps"}, MountKind::Foreign);

  EXPECT_EQ(error(), ErrorId::DstForeignMount);
}

TEST_F(DraftDevices, AreNotPutWhereALinkLeads) {
  ask_for(std::vector<GpuId>{MigIndex{0, 1}});
  directories_[{"/dev/nvidia-caps"}] = {
      .resolved = {"/etc"}, .exists = true, .mount = MountKind::Rootfs};

  EXPECT_EQ(error(), ErrorId::DstResolve);
}

}  // namespace
}  // namespace nvhook::plan
