// SPDX-License-Identifier: Apache-2.0
// What a plan has besides libraries, programs and the driver's own nodes.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using driver::FileKind;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr Capabilities kGraphics{Capability::Graphics};
constexpr auto kSocket = "/var/run/nvidia-persistenced/socket";
constexpr auto kFirmware = "/lib/firmware/nvidia/550.54.14/gsp_ga10x.bin";
constexpr auto kIcd = "/etc/vulkan/icd.d/nvidia_icd.json";
constexpr auto kOpenCl = "/etc/OpenCL/vendors/nvidia.icd";
constexpr auto kMps = "/tmp/nvidia-mps";
constexpr auto kProfiles = "/etc/nvidia/nvidia-application-profiles-rc.d";

Place place_at(const char* path) {
  const ContainerPath at{path};
  return {at.parent(), std::string(at.name())};
}

class PlanOfFiles : public PlanOf {
 protected:
  PlanOfFiles() {
    driver_.files = {
        {FileKind::Socket, {"/run/nvidia-persistenced/socket"}, {kSocket}, {Capability::Utility}},
        {FileKind::Directory, {kMps}, {kMps}, {Capability::Compute}},
        {FileKind::Firmware, {kFirmware}, {kFirmware}, {}},
        {FileKind::Config, {"/usr/share/vulkan/icd.d/nvidia_icd.json"}, {kIcd}, kGraphics},
        {FileKind::Config, {kOpenCl}, {kOpenCl}, {Capability::Compute}, true}};
    driver_.gpus[0].drm = {{{"/dev/dri/card0"}, "card0", {226, 0}},
                           {{"/dev/dri/renderD128"}, "renderD128", {226, 128}}};
    driver_.kernel_files = {
        {"params", {"/proc/driver/nvidia/params"}, "EnableMSI: 1\nModifyDeviceFiles: 1\nX: 2\n"},
        {"version", {"/proc/driver/nvidia/version"}, "NVRM version: 550.54.14\n"}};
    driver_.gpus[0].information = "Model: one\n";
    driver_.gpus[1].information = "Model: other\n";
  }

  void ask_for(Capabilities capabilities) { request_ = test::asking_for(AllGpus{}, capabilities); }

  // Nothing can be reached on the way to the directory.
  void hide(const char* path) {
    directories_[place_at(path).directory] = {.resolved = place_at(path).directory,
                                              .trouble = "a volume lies over it"};
  }

  // The targets of what is not a library, a program or a node.
  [[nodiscard]] static std::vector<std::string> targets(const Plan& plan) {
    std::vector<std::string> targets;
    for (const auto& mount : plan.mounts)
      if (is_dispensable(mount.kind)) targets.push_back(mount.target.value);
    return targets;
  }
};

TEST_F(PlanOfFiles, WhatGdsReadsComesWithItsDevices) {
  driver_.files = {{FileKind::Config, {"/etc/cufile.json"}, {"/etc/cufile.json"}, {}},
                   {FileKind::Directory, {"/run/udev"}, {"/run/udev"}, {}}};
  for (auto& file : driver_.files) file.feature = Feature::Gds;
  ask_for({Capability::Compute});
  request_.features = {Feature::Gds};
  driver_.features = {{Feature::Gds, {}, "no device node X"}};
  EXPECT_THAT(targets(plan()), IsEmpty()) << "no device";

  driver_.features = {{Feature::Gds, {{{"/dev/nvidia-fs0"}, "nvidia-fs0", {506, 0}}}, {}}};
  const auto with_devices = plan();

  EXPECT_THAT(targets(with_devices), ElementsAre("/etc/cufile.json", "/run/udev"));
  for (const auto& mount : with_devices.mounts)
    if (is_dispensable(mount.kind)) {
      EXPECT_TRUE(mount.options.ro) << mount.target.value;
      EXPECT_EQ(mount.reason, "NVIDIA_GDS");
    }
  request_.features.clear();
  EXPECT_THAT(targets(plan()), IsEmpty()) << "not asked for";
}

TEST_F(PlanOfFiles, EachCapabilityBringsItsOwnAndFirmwareComesAlways) {
  // No image has the directory for OpenCL unless a test says so.
  directories_[{"/etc/OpenCL/vendors"}] = {.resolved = {"/etc/OpenCL/vendors"}};
  for (const auto& [capability, expected] :
       {std::pair{Capability::Utility, std::vector<std::string>{kSocket, kFirmware}},
        {Capability::Compute, {kMps, kFirmware}},
        {Capability::Graphics, {kFirmware, kIcd}},
        {Capability::Ngx, {kFirmware}}}) {
    ask_for({capability});
    EXPECT_EQ(targets(plan()), expected) << name_of(capability);
  }
}

TEST_F(PlanOfFiles, OpenClIsForImagesThatHaveItsDirectory) {
  ask_for({Capability::Compute});

  EXPECT_THAT(targets(plan()), Contains(kOpenCl));
}

TEST_F(PlanOfFiles, OptionsAreThoseOfTheKind) {
  ask_for(Capabilities::all());

  const auto made = plan();

  for (const auto& [target, options] : {std::pair{kSocket, kSocketMount},
                                        {kMps, kSocketMount},
                                        {kFirmware, kFileMount},
                                        {kIcd, kFileMount}}) {
    const auto mounts = onto(made, target);
    ASSERT_EQ(mounts.size(), 1U) << target;
    EXPECT_EQ(mounts[0].options, options) << target;
  }
}

TEST_F(PlanOfFiles, ADirectoryIsMountedOnOneThatIsMade) {
  ask_for({Capability::Compute});

  const auto made = plan();

  EXPECT_FALSE(onto(made, kMps).at(0).makes_point);
  EXPECT_THAT(made.directories, Contains(ContainerPath{kMps}));
}

TEST_F(PlanOfFiles, ADirectoryIsMountedOverTheImagesOwn) {
  ask_for({Capability::Compute});
  found_[place_at(kMps)] = standing(Standing::Directory);

  const auto made = plan();

  EXPECT_EQ(onto(made, kMps).size(), 1U);
  EXPECT_THAT(made.directories, Not(Contains(ContainerPath{kMps})));
}

TEST_F(PlanOfFiles, WhatHasNoPlaceIsLeftOutAndTheRestGoesOn) {
  ask_for(Capabilities::all());
  hide(kIcd);
  found_[place_at(kMps)] = standing(Standing::File);

  const auto made = plan();

  EXPECT_THAT(targets(made), UnorderedElementsAre(kSocket, kFirmware, kOpenCl));
  EXPECT_THAT(made.warnings,
              ElementsAre(Warning{WarningId::FileSkipped,
                                  "\"/tmp/nvidia-mps\" and 1 other file are not in the container: "
                                  "\"/tmp/nvidia-mps\" is a file in the image, a directory is "
                                  "due"}));
  EXPECT_THAT(made.omitted, Contains(Field(&driver::Omitted::path,
                                           HostPath{"/usr/share/vulkan/icd.d/nvidia_icd.json"})));
}

TEST_F(PlanOfFiles, NobodyIsToldOfAMissedSocketOrFirmware) {
  ask_for({Capability::Utility});
  hide(kSocket);
  hide(kFirmware);

  const auto made = plan();

  EXPECT_THAT(targets(made), IsEmpty());
  EXPECT_THAT(made.warnings, IsEmpty());
  EXPECT_THAT(made.omitted,
              Contains(Field(&driver::Omitted::reason, HasSubstr("no place in the container"))));
}

TEST_F(PlanOfFiles, AReadOnlyRootStartsWithoutThem) {
  ask_for(Capabilities::all());
  root_is_read_only();
  found_[place_at(kIcd)] = standing(Standing::File);

  const auto made = plan();

  EXPECT_THAT(targets(made), ElementsAre(kIcd));
  EXPECT_THAT(made.files, IsEmpty());
  EXPECT_THAT(warnings(made), Contains(WarningId::FileSkipped));
}

TEST_F(PlanOfFiles, DrmNodesComeWithTheirGpuAndTheLinksToThem) {
  ask_for(kGraphics);

  const auto made = plan();

  EXPECT_THAT(made.devices, Contains(Device{{"/dev/dri/card0"}, {226, 0}}));
  EXPECT_THAT(made.devices, Contains(Device{{"/dev/dri/renderD128"}, {226, 128}}));
  EXPECT_THAT(made.symlinks,
              Contains(Symlink{{"/dev/dri/by-path/pci-0000:01:00.0-card"}, "../card0", {}}));
  EXPECT_THAT(made.symlinks,
              Contains(Symlink{{"/dev/dri/by-path/pci-0000:01:00.0-render"}, "../renderD128", {}}));
}

TEST_F(PlanOfFiles, DrmNodesOfOtherGpusStay) {
  request_ = test::asking_for(std::vector<request::GpuId>{request::GpuIndex{1}}, kGraphics);

  EXPECT_THAT(plan().devices, Not(Contains(Field(&Device::path, ContainerPath{"/dev/dri/card0"}))));
}

TEST_F(PlanOfFiles, TheBackendOfGbmIsALinkToTheAllocator) {
  driver_.libraries.push_back({{kLibraries + "libnvidia-allocator.so.550.54.14"},
                               {"libnvidia-allocator.so.1"},
                               driver::Abi::Native,
                               kGraphics});
  const ContainerPath backend{kLibraries + "gbm/nvidia-drm_gbm.so"};
  ask_for(kGraphics);

  EXPECT_THAT(plan().symlinks, Contains(Symlink{backend, "../libnvidia-allocator.so.1", {}}));
  layout_ = Layout::Tree;
  EXPECT_THAT(plan().symlinks,
              Contains(Symlink{backend, "/usr/local/nvidia/lib64/libnvidia-allocator.so.1", {}}));
  ask_for({Capability::Compute});
  EXPECT_THAT(plan().symlinks, Not(Contains(Field(&Symlink::path, backend))));
}

TEST_F(PlanOfFiles, TheProfileOfEglHasTheBitsOfTheGrantedMinors) {
  ask_for(kGraphics);

  const auto made = plan();

  ASSERT_EQ(made.files.size(), 1U);
  EXPECT_EQ(made.files[0].path.value, std::string(kProfiles) + "/10-container.conf");
  EXPECT_EQ(made.files[0].content,
            "{\"profiles\": [{\"name\": \"_container_\", \"settings\": "
            "[\"EGLVisibleDGPUDevices\", 0x9]}],\n"
            " \"rules\": [{\"pattern\": [], \"profile\": \"_container_\"}]}\n");
  ask_for({Capability::Compute});
  EXPECT_THAT(plan().files, IsEmpty());
}

TEST_F(PlanOfFiles, AProfileOfTheImagesStays) {
  ask_for(kGraphics);
  found_[{{kProfiles}, "10-container.conf"}] = standing(Standing::File);

  const auto made = plan();

  EXPECT_THAT(made.files, IsEmpty());
  EXPECT_THAT(warnings(made), ElementsAre(WarningId::FileSkipped));
}

TEST_F(PlanOfFiles, TheViewHasTheGrantedGpusAndADriverThatMakesNoNodes) {
  request_ = test::asking_for(std::vector<request::GpuId>{request::GpuIndex{1}});

  const auto made = plan();

  ASSERT_TRUE(made.driver_view);
  const auto& view = *made.driver_view;
  EXPECT_TRUE(view.whole);
  EXPECT_EQ(view.target.value, "/proc/driver/nvidia");
  ASSERT_EQ(view.files.size(), 3U);
  EXPECT_EQ(view.files[0].path.value, "/proc/driver/nvidia/params");
  EXPECT_EQ(view.files[0].content, "EnableMSI: 1\nModifyDeviceFiles: 0\nX: 2\n");
  EXPECT_EQ(view.files[1].content, "NVRM version: 550.54.14\n");
  EXPECT_EQ(view.files[2].path.value, "/proc/driver/nvidia/gpus/0000:c1:00.0/information");
  EXPECT_EQ(view.files[2].content, "Model: other\n");
  EXPECT_EQ(view.files[2].from, HostPath{"/proc/driver/nvidia/gpus/0000:c1:00.0/information"});
}

TEST_F(PlanOfFiles, AViewOfTheParametersIsOfThatFileAlone) {
  procfs_.wanted = ProcfsView::Params;

  const auto made = plan();

  ASSERT_TRUE(made.driver_view);
  EXPECT_FALSE(made.driver_view->whole);
  EXPECT_EQ(made.driver_view->target.value, "/proc/driver/nvidia/params");
  EXPECT_EQ(made.driver_view->files.size(), 1U);
}

TEST_F(PlanOfFiles, ParametersThatMakeNoNodesNeedNoView) {
  procfs_.wanted = ProcfsView::Params;
  driver_.kernel_files[0].content = "ModifyDeviceFiles: 0\n";
  EXPECT_FALSE(plan().driver_view);

  driver_.kernel_files[0].content = "EnableMSI: 1";
  EXPECT_FALSE(plan().driver_view);

  procfs_.wanted = ProcfsView::None;
  driver_.kernel_files[0].content = "ModifyDeviceFiles: 1\n";
  EXPECT_FALSE(plan().driver_view);
}

TEST_F(PlanOfFiles, AContainerWithoutTheDirectoryHasNoView) {
  procfs_.trouble = "its \"/proc\" has no \"driver/nvidia\"";

  const auto made = plan();

  EXPECT_FALSE(made.driver_view);
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_EQ(made.warnings[0].id, WarningId::ProcfsSkipped);
  EXPECT_THAT(made.warnings[0].text, HasSubstr("has no \"driver/nvidia\""));
}

TEST_F(PlanOfFiles, WhereTheKernelShowsNothingOfTheDriverThereIsNothingToSay) {
  procfs_.trouble = "its \"/proc\" has no \"driver/nvidia\"";
  procfs_.kernel_shows_nothing = true;

  const auto made = plan();

  EXPECT_FALSE(made.driver_view);
  EXPECT_THAT(made.warnings, IsEmpty());
  EXPECT_THAT(made.omitted,
              Contains(Field(&driver::Omitted::path, HostPath{"/proc/driver/nvidia"})));
}

}  // namespace
}  // namespace nvhook::plan
