// SPDX-License-Identifier: Apache-2.0
#include "driver/mig.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "driver/driver_fixture.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::driver {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kCapabilities = "/proc/driver/nvidia/capabilities/";
constexpr std::uint32_t kCapsMajor = 241;

class Mig : public test::DriverFixture {
 protected:
  void SetUp() override {
    test::DriverFixture::SetUp();
    if (IsSkipped()) return;
    host_.gpu("0000:01:00.0", 3).gpu("0000:02:00.0", 0);
    host_.tree().file("/proc/devices", "Character devices:\n195 nvidia\n241 nvidia-caps\n");
  }

  // A file that stands for a right, and its node.
  void right(const std::string& file, std::uint32_t minor) {
    host_.tree().file(kCapabilities + file, "DeviceFileMinor: " + std::to_string(minor) +
                                                "\nDeviceFileMode: 292\nDeviceFileModify: 1\n");
    host_.node("/dev/nvidia-caps/nvidia-cap" + std::to_string(minor), kCapsMajor, minor);
  }
  // A GPU with one MIG device.
  void partition() {
    right("gpu3/mig/gi1/access", 12);
    right("gpu3/mig/gi1/ci0/access", 13);
  }

  static Wanted wanting_mig() {
    Wanted wanted;
    wanted.mig = true;
    wanted.mig_controls = true;
    return wanted;
  }
  Driver discovered() {
    auto driver = discover(host_.where(), wanting_mig());
    EXPECT_TRUE(driver) << driver.error().text();
    return driver ? std::move(*driver) : Driver{};
  }
  Error error() {
    const auto driver = discover(host_.where(), wanting_mig());
    EXPECT_FALSE(driver);
    return driver ? Error(ErrorId::Bug, "none") : driver.error();
  }
  // "gi7: ci0 ci1" of each instance.
  static std::vector<std::string> instances(const Gpu& gpu) {
    std::vector<std::string> instances;
    for (const auto& instance : gpu.mig) {
      auto text = "gi" + std::to_string(instance.id) + ":";
      for (const auto& compute : instance.compute) text += " ci" + std::to_string(compute.id);
      instances.push_back(std::move(text));
    }
    return instances;
  }
};

TEST_F(Mig, DevicesHaveTheirGpusNodesAndTheirNumbers) {
  partition();

  const auto driver = discovered();

  ASSERT_EQ(driver.gpus.size(), 2U);
  EXPECT_THAT(instances(driver.gpus[0]), ElementsAre("gi1: ci0"));
  EXPECT_THAT(driver.gpus[1].mig, IsEmpty());
  const auto& instance = driver.gpus[0].mig[0];
  EXPECT_EQ(instance.access.file, "gpu3/mig/gi1/access");
  EXPECT_THAT(instance.access.text, ::testing::StartsWith("DeviceFileMinor: 12\n"));
  EXPECT_EQ(instance.access.node.name, "nvidia-caps/nvidia-cap12");
  EXPECT_EQ(instance.access.node.path, HostPath{host_.on_disk("/dev/nvidia-caps/nvidia-cap12")});
  EXPECT_EQ(instance.access.node.number, (DeviceNumber{kCapsMajor, 12}));
  EXPECT_EQ(instance.access.missing, "");
  EXPECT_EQ(instance.compute[0].access.file, "gpu3/mig/gi1/ci0/access");
  EXPECT_EQ(instance.compute[0].access.node.number, (DeviceNumber{kCapsMajor, 13}));
}

TEST_F(Mig, InstancesAreInTheOrderOfTheirNumbersAndNotOfTheirNames) {
  for (const auto* file :
       {"gpu0/mig/gi13/access", "gpu0/mig/gi2/access", "gpu0/mig/gi2/ci1/access",
        "gpu0/mig/gi2/ci0/access", "gpu0/mig/gi13/ci10/access", "gpu0/mig/gi13/ci9/access"}) {
    static std::uint32_t minor = 100;
    right(file, ++minor);
  }

  EXPECT_THAT(instances(discovered().gpus[1]), ElementsAre("gi2: ci0 ci1", "gi13: ci9 ci10"));
}

TEST_F(Mig, IsLookedForOnlyWhenItIsWanted) {
  partition();
  host_.tree().file(std::string(kCapabilities) + "gpu3/mig/gi1/access", "damaged");

  const auto driver = discover(host_.where(), {});

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->gpus[0].mig, IsEmpty());
  EXPECT_FALSE(driver->mig_config);
}

TEST_F(Mig, OfADriverThatHasNoneIsNoTrouble) {
  const auto driver = discovered();

  EXPECT_THAT(driver.gpus[0].mig, IsEmpty());
  EXPECT_FALSE(driver.mig_config);
  EXPECT_FALSE(driver.mig_monitor);
  EXPECT_THAT(driver.warnings, IsEmpty());
}

TEST_F(Mig, InstancesThatAreBeingMadeHaveNoFileYet) {
  partition();
  host_.tree().directory(std::string(kCapabilities) + "gpu3/mig/gi2");
  host_.tree().directory(std::string(kCapabilities) + "gpu3/mig/gi1/ci1");
  host_.tree().file(std::string(kCapabilities) + "gpu3/mig/gi01/access", "of no instance");
  host_.tree().file(std::string(kCapabilities) + "gpu3/mig/gix", "");

  EXPECT_THAT(instances(discovered().gpus[0]), ElementsAre("gi1: ci0"));
}

TEST_F(Mig, MinorsAreThoseOfInstances) {
  EXPECT_EQ(parse_mig_minors("config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci7/access 11\n"
                             "gpu12/gi14/ci0/access 1750"),
            (std::vector<MigMinor>{{0, 3}, {0, 11}, {12, 1750}}));
  for (const auto* text : {"", "gpu", "gpu0/gi0/access", "gpu0/gi0/access ", "gpu0/gi0/access x",
                           "gpu/gi0/access 3", "gpu-1/gi0/access 3", "gpu0/gi0/access 1048576",
                           "gpu0/gi0/access 99999999999", "gpu00/gi0/access 3"})
    EXPECT_THAT(parse_mig_minors(text), IsEmpty()) << text;
}

TEST_F(Mig, WhoPartitionsCanReachWhatItsGpusCanHave) {
  right("mig/config", 1);
  host_.tree().file("/proc/driver/nvidia-caps/mig-minors",
                    "config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu1/gi0/access 138\n"
                    "gpu3/gi0/access 408\ngpu3/gi0/ci0/access 409\n");

  const auto partitioning = discovered().partitioning;

  ASSERT_TRUE(partitioning);
  EXPECT_EQ(partitioning->directory, HostPath{host_.on_disk("/dev/nvidia-caps")});
  std::vector<std::pair<std::uint32_t, std::string>> rights;
  for (const auto& each : partitioning->rights) {
    EXPECT_EQ(each.node.number.major, kCapsMajor);
    rights.emplace_back(each.gpu, each.node.name);
  }
  using Right = std::pair<std::uint32_t, std::string>;
  EXPECT_THAT(rights, ElementsAre(Right{0, "nvidia-caps/nvidia-cap3"},
                                  Right{3, "nvidia-caps/nvidia-cap408"},
                                  Right{3, "nvidia-caps/nvidia-cap409"}));
}

TEST_F(Mig, WithoutNodesThereIsNothingToReach) {
  partition();
  EXPECT_TRUE(discovered().partitioning);

  host_.tree().file("/proc/devices", "Character devices:\n195 nvidia\n");

  EXPECT_FALSE(discovered().partitioning);
}

TEST_F(Mig, ControlsAreFound) {
  right("mig/config", 1);
  right("mig/monitor", 2);

  const auto driver = discovered();

  ASSERT_TRUE(driver.mig_config && driver.mig_monitor);
  EXPECT_EQ(driver.mig_config->node.name, "nvidia-caps/nvidia-cap1");
  EXPECT_EQ(driver.mig_monitor->node.number, (DeviceNumber{kCapsMajor, 2}));
}

TEST_F(Mig, NodesThatAreMissingComeWithTheirCure) {
  partition();
  host_.remove("/dev/nvidia-caps/nvidia-cap13");
  auto driver = discovered();
  EXPECT_EQ(driver.gpus[0].mig[0].access.missing, "");
  EXPECT_THAT(driver.gpus[0].mig[0].compute[0].access.missing,
              HasSubstr("nvidia-modprobe -f "
                        "/proc/driver/nvidia/capabilities/gpu3/mig/gi1/ci0/access makes it"));

  host_.remove("/dev/nvidia-caps");
  driver = discovered();
  EXPECT_THAT(driver.gpus[0].mig[0].access.missing, HasSubstr("nvidia-caps/nvidia-cap12\""));

  host_.tree().file("/proc/devices", "Character devices:\n195 nvidia\n");
  driver = discovered();
  EXPECT_THAT(driver.gpus[0].mig[0].access.missing, HasSubstr("nv_cap_enable_devfs=1"));
}

// Whoever does not ask for the instance starts, and whoever does is told.
TEST_F(Mig, NodesOfAnotherNumberAreNone) {
  partition();
  host_.remove("/dev/nvidia-caps/nvidia-cap12");
  host_.node("/dev/nvidia-caps/nvidia-cap12", 1, 1);

  const auto driver = discovered();

  std::string missing;
  for (const auto& instance : driver.gpus[0].mig) missing += instance.access.missing;
  EXPECT_THAT(missing, HasSubstr("is device 1:1, the driver's is 241:12"));
}

TEST_F(Mig, ADirectoryOfNodesThatIsALinkIsRefused) {
  partition();
  std::filesystem::rename(host_.on_disk("/dev/nvidia-caps"), host_.on_disk("/dev/elsewhere"));
  host_.tree().symlink("/dev/nvidia-caps", "elsewhere");

  EXPECT_EQ(error().id(), ErrorId::NodeType);
}

TEST_F(Mig, FilesThatMakeNoSenseAreAnError) {
  for (const std::string text : {"", "DeviceFileMinor:\n", "DeviceFileMinor: x\n",
                                 "DeviceFileMinor: 1048576\n", "DeviceFileMinor: -1\n"}) {
    host_.tree().file(std::string(kCapabilities) + "gpu3/mig/gi1/access", text);
    EXPECT_EQ(error().id(), ErrorId::DriverRead) << text;
    EXPECT_THAT(error().text(), HasSubstr("gpu3/mig/gi1/access"));
  }
  host_.tree().file(std::string(kCapabilities) + "gpu3/mig/gi1/access", std::string(2000, 'x'));
  EXPECT_EQ(error().id(), ErrorId::DriverRead);
}

TEST_F(Mig, HasNoMoreInstancesThanAGpuCanHave) {
  for (int i = 0; i < 65; ++i)
    host_.tree().directory(std::string(kCapabilities) + "gpu3/mig/gi" + std::to_string(i));

  EXPECT_EQ(error().id(), ErrorId::DriverRead);
}

TEST(MigAccess, IsAMinorOfItsFile) {
  EXPECT_EQ(parse_access("DeviceFileMinor: 12\nDeviceFileMode: 292\n"), 12U);
  EXPECT_EQ(parse_access("DeviceFileMode: 292\nDeviceFileMinor:\t0"), 0U);
  EXPECT_EQ(parse_access("DeviceFileMinor: 1048575\n"), 1048575U);
  for (const auto* text :
       {"", "DeviceFileMinor", "DeviceFileMinor: 12 \n", "XDeviceFileMinor: 12\n",
        "DeviceFileMinor: 0x1\n", "DeviceFileMinor: 4294967296\n"})
    EXPECT_EQ(parse_access(text), std::nullopt) << text;
}

}  // namespace
}  // namespace nvhook::driver
