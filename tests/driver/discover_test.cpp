// SPDX-License-Identifier: Apache-2.0
// Version, programs and roots; libraries_test, gpus_test and nodes_test have the rest.
#include "nvhook/driver/discover.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "driver/driver_fixture.hpp"

namespace nvhook::driver {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Capabilities kDefault{Capability::Compute, Capability::Utility};

class Discovery : public test::DriverFixture {};

TEST_F(Discovery, FindsAWholeDriver) {
  host_.usual_libraries().gpu("0000:01:00.0", 0);

  const auto driver = discover(host_.where(), kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_EQ(driver->version, "550.54.14");
  EXPECT_EQ(driver->root, host_.on_disk("/"));
  EXPECT_THAT(driver->libraries, SizeIs(6));
  EXPECT_THAT(driver->gpus, SizeIs(1));
  EXPECT_THAT(driver->nodes, SizeIs(3));
  EXPECT_THAT(driver->omitted, IsEmpty());
  EXPECT_THAT(driver->warnings, IsEmpty());
}

TEST_F(Discovery, ReadsTheVersionFromProcWhereSysHasNone) {
  host_.remove("/sys/module/nvidia/version");
  for (const auto* line :
       {"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.104.05  Release Build  "
        "(b@h)"}) {
    host_.tree().file("/proc/driver/nvidia/version",
                      std::string(line) + "\nGCC version:  gcc version 12.2.0 (Debian)\n");

    const auto driver = discover(host_.where(), {});

    ASSERT_TRUE(driver) << driver.error().text();
    EXPECT_EQ(driver->version, "535.104.05");
  }
}

TEST_F(Discovery, SaysThatNoKernelModuleIsLoaded) {
  host_.remove("/sys");

  const auto driver = discover(host_.where(), kDefault);

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::DriverAbsent);
  EXPECT_THAT(driver.error().text(), HasSubstr("modprobe nvidia"));
}

TEST_F(Discovery, SaysWhichMachinesItDoesNotServe) {
  host_.remove("/sys");
  host_.tree().file("/proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n");
  EXPECT_THAT(discover(host_.where(), kDefault).error().text(), HasSubstr("this is WSL2"));

  host_.tree().file("/proc/sys/kernel/osrelease", "6.1.0-32-amd64\n");
  host_.tree().file("/sys/devices/soc0/family", "Tegra\n");
  EXPECT_THAT(discover(host_.where(), kDefault).error().text(), HasSubstr("this is a Tegra"));
}

TEST_F(Discovery, RefusesAVersionThatCouldNotBePartOfAFileName) {
  for (const auto* version : {"", "../../etc", "550", "550..54", "550.54.", "550.54.14 x"}) {
    host_.tree().file("/sys/module/nvidia/version", version);
    EXPECT_EQ(discover(host_.where(), {}).error().id(), ErrorId::DriverRead) << version;
  }
}

TEST_F(Discovery, LooksForNoLibraryWhenNoneIsWanted) {
  host_.tree().file("/etc/ld.so.cache", "damaged");

  const auto driver = discover(host_.where(), {Capability::Compat32});

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->libraries, IsEmpty());
}

TEST_F(Discovery, FindsProgramsInTheFirstDirectoryThatHasThem) {
  host_.usual_libraries();
  for (const auto* path : {"/usr/bin/nvidia-smi", "/bin/nvidia-smi", "/bin/nvidia-cuda-mps-server"})
    std::filesystem::permissions(host_.tree().file(path, "#!").on_disk(path),
                                 std::filesystem::perms{0755});
  host_.tree().file("/usr/bin/nvidia-debugdump", "not executable");

  const auto driver = discover(host_.where(), kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(
      driver->programs,
      ElementsAre(Program{{host_.on_disk("/usr/bin/nvidia-smi")}, Capability::Utility},
                  Program{{host_.on_disk("/bin/nvidia-cuda-mps-server")}, Capability::Compute}));
}

TEST_F(Discovery, LeavesOutProgramsThatNobodyWants) {
  host_.usual_libraries();
  const auto path = "/bin/nvidia-cuda-mps-server";
  std::filesystem::permissions(host_.tree().file(path, "#!").on_disk(path),
                               std::filesystem::perms{0755});

  const auto driver = discover(host_.where(), {Capability::Utility, Capability::Video});

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->programs, IsEmpty());
}

TEST_F(Discovery, ResolvesAbsoluteLinksInsideTheDriverRoot) {
  host_.usual_libraries();
  std::filesystem::permissions(
      host_.tree().file("/opt/nv/nvidia-smi", "#!").on_disk("/opt/nv/nvidia-smi"),
      std::filesystem::perms{0755});
  host_.tree().symlink("/usr/bin/nvidia-smi", "/../../../opt/nv/nvidia-smi");
  host_.remove("/usr/lib/libcuda.so.1");
  host_.tree().symlink("/usr/lib/libcuda.so.1", "/usr/lib/libcuda.so.550.54.14");

  const auto driver = discover(host_.where(), kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->programs,
              ElementsAre(Field(&Program::path, HostPath{host_.on_disk("/opt/nv/nvidia-smi")})));
  EXPECT_THAT(driver->libraries,
              ::testing::Contains(
                  Field(&Library::path, HostPath{host_.on_disk("/usr/lib/libcuda.so.550.54.14")})));
}

TEST_F(Discovery, TakesTheDriverRootForTheNodesIfItHasThem) {
  host_.usual_libraries().gpu("0000:01:00.0", 0);
  auto where = host_.where();
  where.dev_root = "";

  const auto driver = discover(where, kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_EQ(driver->gpus.at(0).node, HostPath{host_.on_disk("/dev/nvidia0")});
}

TEST_F(Discovery, TakesTheHostsNodesIfTheDriverRootHasNone) {
  host_.usual_libraries().gpu("0000:01:00.0", 63);
  std::filesystem::rename(host_.on_disk("/dev"), host_.on_disk("/nodes"));
  auto where = host_.where();
  where.dev_root = "";
  where.node_directory = "/dev";  // now that of the machine, where no GPU has the minor 63

  const auto driver = discover(where, kDefault);

  ASSERT_FALSE(driver);
  EXPECT_THAT(driver.error().text(), HasSubstr("\"/dev/nvidia"));
}

TEST_F(Discovery, NamesARootThatIsNotThere) {
  auto where = host_.where();
  where.driver_root = host_.on_disk("/nowhere");

  const auto driver = discover(where, kDefault);

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::DriverRead);
  EXPECT_THAT(driver.error().text(), HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace nvhook::driver
