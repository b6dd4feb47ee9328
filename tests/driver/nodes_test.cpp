// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <filesystem>

#include "driver/driver_fixture.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::driver {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Capabilities kCompute{Capability::Compute};

class Nodes : public test::DriverFixture {
 protected:
  void SetUp() override {
    test::DriverFixture::SetUp();
    if (IsSkipped()) return;
    host_.usual_libraries().gpu("0000:01:00.0", 0);
  }

  std::vector<NodeKind> kinds(Capabilities wanted) {
    const auto driver = discover(host_.where(), wanted);
    EXPECT_TRUE(driver) << driver.error().text();
    std::vector<NodeKind> kinds;
    if (driver)
      for (const auto& node : driver->nodes) kinds.push_back(node.kind);
    return kinds;
  }

  Error error() {
    const auto driver = discover(host_.where(), kCompute);
    EXPECT_FALSE(driver);
    return driver ? Error(ErrorId::Bug, "none") : driver.error();
  }
};

TEST_F(Nodes, AreFoundWithTheirNumbers) {
  const auto driver = discover(host_.where(), kCompute);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(
      driver->nodes,
      ElementsAre(
          Node{NodeKind::Control, {host_.on_disk("/dev/nvidiactl")}, "nvidiactl", {195, 255}},
          Node{NodeKind::Uvm,
               {host_.on_disk("/dev/nvidia-uvm")},
               "nvidia-uvm",
               {test::kUvmMajor, 0}},
          Node{NodeKind::UvmTools,
               {host_.on_disk("/dev/nvidia-uvm-tools")},
               "nvidia-uvm-tools",
               {test::kUvmMajor, 1}}));
}

TEST_F(Nodes, AreThoseThatTheCapabilitiesNeed) {
  EXPECT_THAT(kinds({Capability::Utility}), ElementsAre(NodeKind::Control));
  for (const auto drawing : {Capability::Display, Capability::Graphics})
    EXPECT_THAT(kinds({drawing}), ElementsAre(NodeKind::Control, NodeKind::Modeset));
  EXPECT_THAT(kinds({Capability::Video}),
              ElementsAre(NodeKind::Control, NodeKind::Uvm, NodeKind::UvmTools));
}

TEST_F(Nodes, HaveTheMajorsOfTheKernelsList) {
  host_.remove("/dev");
  host_.tree().file("/proc/devices",
                    "Character devices:\n234 nvidia-frontend\n 99 nvidia-uvm\n"
                    "Block devices:\n195 nvidia\n  8 nvidia-uvm\n");
  host_.node("/dev/nvidiactl", 234, 255).node("/dev/nvidia0", 234, 0);
  host_.node("/dev/nvidia-uvm", 99, 0).node("/dev/nvidia-uvm-tools", 99, 1);

  EXPECT_THAT(kinds(kCompute), Contains(NodeKind::UvmTools));
}

TEST_F(Nodes, HaveNvidiasOwnMajorWhereTheListLacksIt) {
  host_.remove("/proc/devices");

  EXPECT_THAT(kinds({Capability::Utility}), ElementsAre(NodeKind::Control));
}

TEST_F(Nodes, OfTheDriverThatAreMissingAreAnErrorWithACure) {
  for (const auto* path : {"/dev/nvidia0", "/dev/nvidiactl"}) {
    host_.remove(path);
    EXPECT_EQ(error().id(), ErrorId::NodeMissing);
    EXPECT_THAT(error().text(), AllOf(HasSubstr(path), HasSubstr("nvidia-modprobe")));
  }
}

TEST_F(Nodes, ThatAreOptionalAreMissedOnlyWhenNeeded) {
  host_.remove("/dev/nvidia-uvm-tools");
  host_.remove("/dev/nvidia-modeset");

  const auto compute = discover(host_.where(), kCompute);
  const auto utility = discover(host_.where(), {Capability::Utility});

  ASSERT_TRUE(compute) << compute.error().text();
  EXPECT_THAT(compute->warnings,
              ElementsAre(AllOf(Field(&Warning::id, WarningId::NodeMissing),
                                Field(&Warning::text, AllOf(HasSubstr("nvidia-uvm-tools"),
                                                            Not(HasSubstr("modeset:")))))));
  ASSERT_TRUE(utility) << utility.error().text();
  EXPECT_THAT(utility->warnings, ElementsAre());
}

TEST_F(Nodes, OfAModuleThatIsNotLoadedAreNotTrusted) {
  host_.tree().file("/proc/devices", "Character devices:\n195 nvidia\n");

  const auto driver = discover(host_.where(), kCompute);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->nodes, ElementsAre(Field(&Node::kind, NodeKind::Control)));
  EXPECT_THAT(driver->warnings, ElementsAre(Field(&Warning::text, HasSubstr("not loaded"))));
}

TEST_F(Nodes, OfAnotherNumberAreRefused) {
  for (const auto* path : {"/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidiactl"}) {
    std::filesystem::rename(host_.on_disk(path), host_.on_disk("/dev/real"));
    host_.node(path, 1, 1);
    EXPECT_EQ(error().id(), ErrorId::NodeType) << path;
    EXPECT_THAT(error().text(), AllOf(HasSubstr(path), HasSubstr("1:1")));
    std::filesystem::rename(host_.on_disk("/dev/real"), host_.on_disk(path));
  }
}

TEST_F(Nodes, ThatAreFilesAreRefused) {
  host_.remove("/dev/nvidia0");
  host_.tree().file("/dev/nvidia0");

  EXPECT_EQ(error().id(), ErrorId::NodeType);
  EXPECT_THAT(error().text(), HasSubstr("not a character device"));
}

TEST_F(Nodes, ThatAreLinksAreRefusedEvenToTheRightDevice) {
  host_.node("/dev/real", 195, 0).remove("/dev/nvidia0");
  host_.tree().symlink("/dev/nvidia0", "real");

  EXPECT_EQ(error().id(), ErrorId::NodeType);
  EXPECT_THAT(error().text(), HasSubstr("symbolic link"));
}

TEST_F(Nodes, AreLookedForInTheDirectoryOfTheSettings) {
  auto where = host_.where();
  std::filesystem::rename(host_.on_disk("/dev"), host_.on_disk("/nodes"));
  where.node_directory = "/nodes";

  const auto driver = discover(where, kCompute);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_EQ(driver->nodes.front().path, HostPath{host_.on_disk("/nodes/nvidiactl")});
}

}  // namespace
}  // namespace nvhook::driver
