// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <utility>

#include "driver/driver_fixture.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::driver {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Gpus : public test::DriverFixture {
 protected:
  std::vector<Gpu> discovered() {
    auto driver = discover(host_.where(), {});
    EXPECT_TRUE(driver) << driver.error().text();
    return driver ? driver->gpus : std::vector<Gpu>{};
  }
};

TEST_F(Gpus, AreDescribedByTheirDriver) {
  host_.gpu("0000:01:00.0", 3);

  auto gpus = discovered();

  ASSERT_EQ(gpus.size(), 1U);
  EXPECT_THAT(
      std::exchange(gpus[0].information, {}),
      AllOf(StartsWith("Model: \t\t NVIDIA H100 PCIe\n"), EndsWith("Device Minor: \t 3\n")));
  EXPECT_THAT(gpus, ElementsAre(Gpu{.index = 0,
                                    .minor = 3,
                                    .uuid = "GPU-00000003-1111-2222-3333-444455556666",
                                    .bus = "0000:01:00.0",
                                    .model = "NVIDIA H100 PCIe",
                                    .node = {host_.on_disk("/dev/nvidia3")},
                                    .number = {195, 3}}));
}

TEST_F(Gpus, AreCountedInTheNumericOrderOfTheirPciAddresses) {
  // As text, "10000" comes before "9000", and "0000:a1" behind "0000:1a".
  host_.gpu("10000:01:00.0", 0).gpu("9000:01:00.0", 1).gpu("0000:a1:00.0", 2);
  host_.gpu("0000:1a:00.0", 4).gpu("0000:1a:00.1", 3).gpu("0000:1a:1f.0", 5);

  const auto gpus = discovered();

  std::vector<std::string> buses;
  for (const auto& gpu : gpus) {
    EXPECT_EQ(gpu.index, buses.size());
    buses.push_back(gpu.bus);
  }
  EXPECT_THAT(buses, ElementsAre("0000:1a:00.0", "0000:1a:00.1", "0000:1a:1f.0", "0000:a1:00.0",
                                 "9000:01:00.0", "10000:01:00.0"));
}

TEST_F(Gpus, KeepTheMinorOfTheirNodeWhateverTheirIndex) {
  host_.gpu("0000:01:00.0", 1).gpu("0000:02:00.0", 0);

  EXPECT_THAT(discovered(), ElementsAre(AllOf(Field(&Gpu::index, 0U), Field(&Gpu::minor, 1U)),
                                        AllOf(Field(&Gpu::index, 1U), Field(&Gpu::minor, 0U))));
}

TEST_F(Gpus, ThatAreExcludedAreNotCounted) {
  host_.gpu("0000:01:00.0", 0, "GPU Excluded:\t Yes\n")
      .gpu("0000:02:00.0", 1, "GPU Excluded:\t No\n");

  EXPECT_THAT(discovered(), ElementsAre(AllOf(Field(&Gpu::index, 0U), Field(&Gpu::minor, 1U))));
}

TEST_F(Gpus, ThatWereNeverInitialisedHaveQuestionMarksForTheirUuid) {
  const auto uuid = "GPU-" + std::string(8, '?') + "-" + std::string(4, '?');
  host_.gpu("0000:01:00.0", 0);
  host_.tree().file("/proc/driver/nvidia/gpus/0000:01:00.0/information",
                    "GPU UUID: \t " + uuid + "\nDevice Minor: \t 0\n");

  EXPECT_THAT(discovered(), ElementsAre(Field(&Gpu::uuid, uuid)));
}

TEST_F(Gpus, MayBeNone) {
  for (const auto* path : {"/proc/driver/nvidia/gpus", "/dev/nvidiactl"}) {
    host_.remove(path);

    const auto driver = discover(host_.where(), {});

    ASSERT_TRUE(driver) << driver.error().text();
    EXPECT_THAT(driver->gpus, IsEmpty());
    EXPECT_THAT(driver->warnings, Contains(Field(&Warning::id, WarningId::NoGpus)));
  }
}

TEST_F(Gpus, ThatCannotBeCountedAreAnError) {
  const auto error_with = [this](const std::string& name, std::string_view information) {
    const auto directory = "/proc/driver/nvidia/gpus/" + name;
    host_.tree().file(directory + "/information", information);
    const auto driver = discover(host_.where(), {});
    host_.remove(directory);
    EXPECT_FALSE(driver);
    if (driver) return std::string("none");
    EXPECT_EQ(driver.error().id(), ErrorId::DriverRead);
    return driver.error().text();
  };

  EXPECT_THAT(error_with("odd", "Device Minor: 0\n"), HasSubstr("PCI address"));
  EXPECT_THAT(error_with("0000:01:00.0", "Model: X\n"), HasSubstr("no line"));
  EXPECT_THAT(error_with("0000:01:00.0", "Device Minor: 255\n"), HasSubstr("minor \"255\""));
  EXPECT_THAT(error_with("0000:01:00.0", "Device Minor: -1\n"), HasSubstr("minor \"-1\""));
  EXPECT_THAT(error_with("0000:01:00.0", std::string(5000, 'x')), HasSubstr("4096"));
}

TEST_F(Gpus, AreNotMoreThanOneMachineCanHave) {
  for (int i = 0; i < 65; ++i)
    host_.tree().directory("/proc/driver/nvidia/gpus/" + std::to_string(1000 + i) + ":01:00.0");

  EXPECT_EQ(discover(host_.where(), {}).error().id(), ErrorId::DriverRead);
}

}  // namespace
}  // namespace nvhook::driver
