// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "driver/driver_fixture.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::driver {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ExtraNodes : public test::DriverFixture {
 protected:
  void SetUp() override {
    test::DriverFixture::SetUp();
    if (IsSkipped()) return;
    host_.tree().file("/proc/devices",
                      "Character devices:\n195 nvidia\n231 infiniband_verbs\n236 gdrdrv\n"
                      "237 nvidia-fs\n238 nvidia-nvswitch\n239 nvidia-caps-imex-channels\n"
                      "240 infiniband_verbs\n");
    host_.tree().file("/proc/misc", " 58 rdma_cm\n 59 fuse\n");
  }
  Result<Driver> with(const std::vector<Feature>& features) {
    Wanted wanted;
    wanted.features = features;
    return discover(host_.where(), wanted);
  }
  FeatureNodes found(Feature feature) {
    auto driver = with({feature});
    EXPECT_TRUE(driver) << driver.error().text();
    if (!driver || driver->features.size() != 1) return {};
    return driver->features.front();
  }
  Result<Driver> with_channels() {
    Wanted wanted;
    wanted.imex_channels = true;
    return discover(host_.where(), wanted);
  }
  static std::vector<std::string> names(const std::vector<DeviceNode>& nodes) {
    std::vector<std::string> names;
    for (const auto& node : nodes)
      names.push_back(node.name + " " + std::to_string(node.number.major) + ":" +
                      std::to_string(node.number.minor));
    return names;
  }
};

TEST_F(ExtraNodes, OfEachFeatureAreFound) {
  host_.node("/dev/nvidia-fs0", 237, 0).node("/dev/nvidia-fs15", 237, 15);
  host_.node("/dev/infiniband/uverbs0", 231, 192).node("/dev/infiniband/uverbs40", 240, 0);
  host_.node("/dev/infiniband/rdma_cm", 10, 58).node("/dev/infiniband/umad0", 231, 0);
  host_.node("/dev/gdrdrv", 236, 0);
  host_.node("/dev/nvidia-nvswitchctl", 238, 255).node("/dev/nvidia-nvswitch3", 238, 3);

  EXPECT_THAT(names(found(Feature::Gds).nodes),
              ElementsAre("nvidia-fs0 237:0", "nvidia-fs15 237:15"));
  EXPECT_THAT(names(found(Feature::Mofed).nodes),
              ElementsAre("infiniband/uverbs0 231:192", "infiniband/uverbs40 240:0",
                          "infiniband/rdma_cm 10:58"));
  EXPECT_THAT(names(found(Feature::Gdrcopy).nodes), ElementsAre("gdrdrv 236:0"));
  EXPECT_THAT(names(found(Feature::NvSwitch).nodes),
              ElementsAre("nvidia-nvswitchctl 238:255", "nvidia-nvswitch3 238:3"));
  for (const auto feature : kAllFeatures) EXPECT_EQ(found(feature).missing, "");
}

TEST_F(ExtraNodes, ThatAreMissingAreNamedWithTheModuleThatMakesThem) {
  for (const auto& [feature, node, module] :
       {std::tuple{Feature::Gds, "/nvidia-fs<number>\"", "module nvidia-fs"},
        {Feature::Mofed, "/infiniband/uverbs<number>\"", "module ib_uverbs"},
        {Feature::Gdrcopy, "/gdrdrv\"", "module gdrdrv"},
        {Feature::NvSwitch, "/nvidia-nvswitchctl\"", "module nvidia"}}) {
    const auto nothing = found(feature);
    EXPECT_THAT(nothing.nodes, IsEmpty());
    EXPECT_THAT(nothing.missing, AllOf(HasSubstr(node), HasSubstr(module)));
  }
}

TEST_F(ExtraNodes, OfAFeatureMayBeThereInPart) {
  host_.node("/dev/infiniband/uverbs0", 231, 192);

  const auto mofed = found(Feature::Mofed);

  EXPECT_THAT(names(mofed.nodes), ElementsAre("infiniband/uverbs0 231:192"));
  EXPECT_THAT(mofed.missing, AllOf(HasSubstr("rdma_cm"), Not(HasSubstr("uverbs"))));
}

TEST_F(ExtraNodes, OfAnotherDriverAreRefused) {
  const struct {
    Feature feature;
    const char* path;
    DeviceNumber number;
  } cases[] = {
      {Feature::Gds, "/dev/nvidia-fs0", {1, 1}},
      {Feature::Mofed, "/dev/infiniband/uverbs0", {237, 0}},
      {Feature::Mofed, "/dev/infiniband/rdma_cm", {10, 59}},
      {Feature::Mofed, "/dev/infiniband/rdma_cm", {231, 58}},
      {Feature::Gdrcopy, "/dev/gdrdrv", {237, 0}},
      {Feature::NvSwitch, "/dev/nvidia-nvswitch0", {195, 255}},
  };
  for (const auto& [feature, path, number] : cases) {
    host_.node(path, number.major, number.minor);
    const auto driver = with({feature});
    host_.remove(path);
    ASSERT_FALSE(driver) << path;
    EXPECT_EQ(driver.error().id(), ErrorId::NodeType);
    EXPECT_THAT(driver.error().text(), HasSubstr(path));
  }
}

TEST_F(ExtraNodes, ThatAreFilesOrLinksAreRefused) {
  host_.tree().file("/dev/gdrdrv");
  EXPECT_EQ(with({Feature::Gdrcopy}).error().id(), ErrorId::NodeType);
  host_.remove("/dev/gdrdrv");
  host_.node("/dev/real", 236, 0);
  host_.tree().symlink("/dev/gdrdrv", "real");
  EXPECT_EQ(with({Feature::Gdrcopy}).error().id(), ErrorId::NodeType);
}

TEST_F(ExtraNodes, AreLookedForOnlyWhenTheyAreWanted) {
  host_.node("/dev/gdrdrv", 1, 1).node("/dev/nvidia-caps-imex-channels/channel0", 1, 1);

  const auto driver = discover(host_.where(), {});

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->features, IsEmpty());
  EXPECT_THAT(driver->imex_channels, IsEmpty());
}

TEST_F(ExtraNodes, OfImexChannelsAreInTheOrderOfTheirNumbers) {
  for (const std::uint32_t channel : {10U, 9U, 2047U, 0U})
    host_.node("/dev/nvidia-caps-imex-channels/channel" + std::to_string(channel), 239, channel);
  host_.tree().file("/dev/nvidia-caps-imex-channels/channel007");

  const auto driver = with_channels();

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(names(driver->imex_channels),
              ElementsAre("nvidia-caps-imex-channels/channel0 239:0",
                          "nvidia-caps-imex-channels/channel9 239:9",
                          "nvidia-caps-imex-channels/channel10 239:10",
                          "nvidia-caps-imex-channels/channel2047 239:2047"));
}

TEST_F(ExtraNodes, OfImexChannelsHaveTheChannelsNumber) {
  host_.node("/dev/nvidia-caps-imex-channels/channel1", 239, 2);
  host_.node("/dev/nvidia-caps-imex-channels/channel2", 238, 2);  // of a driver that was reloaded

  EXPECT_THAT(with_channels()->imex_channels, IsEmpty());
}

TEST_F(ExtraNodes, OfImexChannelsMayBeNone) {
  EXPECT_THAT(with_channels()->imex_channels, IsEmpty());
  host_.tree().file("/proc/devices", "Character devices:\n195 nvidia\n");
  host_.node("/dev/nvidia-caps-imex-channels/channel0", 239, 0);
  EXPECT_THAT(with_channels()->imex_channels, IsEmpty()) << "their driver is not loaded";
}

}  // namespace
}  // namespace nvhook::driver
