// SPDX-License-Identifier: Apache-2.0
// What is found besides libraries, programs and the driver's own nodes.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

#include "driver/driver_fixture.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::driver {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr Capabilities kGraphics{Capability::Graphics};
constexpr Capabilities kUtility{Capability::Utility};
constexpr Capabilities kCompute{Capability::Compute};
constexpr auto kPersistenced = "/run/nvidia-persistenced/socket";

class Files : public test::DriverFixture {
 protected:
  void SetUp() override {
    test::DriverFixture::SetUp();
    host_.usual_libraries();
    fs::permissions(host_.on_disk("/"), fs::perms{0755});
  }

  Driver found(const Wanted& wanted) {
    auto where = host_.where();
    where.extras = extras_;
    auto driver = discover(where, wanted);
    EXPECT_TRUE(driver) << driver.error().text();
    return driver ? std::move(*driver) : Driver();
  }

  // "kind source target" of each, without the path of the host's tree.
  std::vector<std::string> lines(Capabilities wanted) {
    std::vector<std::string> lines;
    const auto top = host_.on_disk("/");
    for (const auto& file : found(wanted).files) {
      static constexpr std::array kKinds = {"socket", "directory", "firmware", "config"};
      EXPECT_TRUE(file.path.value.starts_with(top)) << file.path.value;
      lines.push_back(std::string(kKinds[static_cast<std::size_t>(file.kind)]) + " " +
                      file.path.value.substr(top.size()) + " " + file.target.value);
    }
    return lines;
  }

  void socket(const std::string& path) {
    const fs::path where = host_.on_disk(path);
    fs::create_directories(where.parent_path());
    fs::permissions(where.parent_path(), fs::perms{0755});
    const UniqueFd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const auto name = where.string();
    ASSERT_LT(name.size(), sizeof address.sun_path);
    std::ranges::copy(name, static_cast<char*>(address.sun_path));
    ASSERT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  Extras extras_;
};

TEST_F(Files, OfADriverWithoutAnyAreNone) {
  const auto driver = found(Capabilities::all());

  EXPECT_THAT(driver.files, IsEmpty());
  EXPECT_THAT(driver.kernel_files, IsEmpty());
}

TEST_F(Files, SocketsComeWithUtilityAndGoWhereClientsLook) {
  socket(kPersistenced);
  socket("/run/nvidia-fabricmanager/socket");
  host_.tree().symlink("/var/run", "/run");

  EXPECT_THAT(
      lines(kUtility),
      ElementsAre("socket /run/nvidia-persistenced/socket /var/run/nvidia-persistenced/socket",
                  "socket /run/nvidia-fabricmanager/socket /var/run/nvidia-fabricmanager/socket"));
  EXPECT_THAT(lines(kCompute), IsEmpty());
}

TEST_F(Files, SocketsAreLeftWhereTheSettingsSaySo) {
  socket(kPersistenced);
  socket("/run/nvidia-fabricmanager/socket");
  host_.tree().symlink("/var/run", "/run");
  extras_.persistenced_socket = false;
  extras_.fabricmanager_socket = false;

  EXPECT_THAT(lines(kUtility), IsEmpty());
}

TEST_F(Files, ADaemonThatDoesNotRunIsNoNews) {
  host_.tree().directory("/run/nvidia-persistenced").symlink("/var/run", "/run");

  const auto driver = found(kUtility);

  EXPECT_THAT(driver.files, IsEmpty());
  EXPECT_THAT(driver.omitted, IsEmpty());
  EXPECT_THAT(driver.warnings, Not(Contains(Field(&Warning::id, WarningId::FileSkipped))));
}

TEST_F(Files, WhatIsNoSocketIsLeftOut) {
  host_.tree().file(kPersistenced).symlink("/var/run", "/run");

  const auto driver = found(kUtility);

  EXPECT_THAT(driver.files, IsEmpty());
  EXPECT_THAT(driver.omitted,
              ElementsAre(Omitted{{host_.on_disk(kPersistenced)}, "is not a socket"}));
}

TEST_F(Files, ALinkInASocketsPlaceIsLeftOut) {
  socket("/run/docker.sock");
  host_.tree().symlink(kPersistenced, "/run/docker.sock").symlink("/var/run", "/run");
  fs::permissions(host_.on_disk("/run/nvidia-persistenced"), fs::perms{0755});

  EXPECT_THAT(found(kUtility).files, IsEmpty());
}

TEST_F(Files, WhatGdsReadsComesWithGds) {
  host_.tree().file("/etc/cufile.json").directory("/run/udev");
  Wanted wanted(kCompute);
  EXPECT_THAT(found(wanted).files, IsEmpty());

  wanted.features = {Feature::Gds};
  const auto driver = found(wanted);

  ASSERT_EQ(driver.files.size(), 2U);
  EXPECT_EQ(driver.files[0].target.value, "/etc/cufile.json");
  EXPECT_EQ(driver.files[1].target.value, "/run/udev");
  for (const auto& file : driver.files) EXPECT_EQ(file.feature, Feature::Gds);
}

TEST_F(Files, TheMpsDirectoryComesWhereItIsConfigured) {
  host_.tree().directory("/tmp/nvidia-mps");
  ::chmod(host_.on_disk("/tmp").c_str(), 01777);
  EXPECT_THAT(lines(kCompute), IsEmpty());

  extras_.mps_directory = "/tmp/nvidia-mps";

  EXPECT_THAT(lines(kCompute), ElementsAre("directory /tmp/nvidia-mps /tmp/nvidia-mps"));
  EXPECT_THAT(lines(kUtility), IsEmpty());
}

TEST_F(Files, AnMpsDirectoryThatIsNotThereIsMissed) {
  extras_.mps_directory = "/tmp/nvidia-mps";

  EXPECT_THAT(found(kCompute).warnings,
              Contains(AllOf(Field(&Warning::id, WarningId::FileSkipped),
                             Field(&Warning::text, HasSubstr("/tmp/nvidia-mps")))));
}

TEST_F(Files, AnMpsDirectoryThatSomebodyHasPlantedIsMissed) {
  extras_.mps_directory = "/tmp/nvidia-mps";
  host_.tree().directory("/etc").directory("/tmp").symlink("/tmp/nvidia-mps", "/etc");
  EXPECT_THAT(lines(kCompute), IsEmpty());

  host_.remove("/tmp/nvidia-mps");
  host_.tree().directory("/tmp/nvidia-mps");
  ASSERT_EQ(::chown(host_.on_disk("/tmp/nvidia-mps").c_str(), 1000, 1000), 0);

  const auto driver = found(kCompute);
  EXPECT_THAT(driver.files, IsEmpty());
  EXPECT_THAT(driver.warnings,
              Contains(Field(&Warning::text, HasSubstr("belongs to another user"))));
}

TEST_F(Files, FirmwareIsTakenFromTheFirstDirectoryOfTheKernelsSearch) {
  utsname system{};
  ASSERT_EQ(::uname(&system), 0);
  const std::string release = static_cast<const char*>(system.release);
  const std::string below = "/nvidia/550.54.14/";
  const auto last = "/lib/firmware" + below;
  const auto first = "/lib/firmware/updates/" + release + below;
  host_.tree().file(last + "gsp_ga10x.bin").file(last + "gsp_tu10x.bin").file(last + "README");
  host_.tree().file(first + "gsp_ga10x.bin");

  EXPECT_THAT(lines({}),
              ElementsAre("firmware " + first + "gsp_ga10x.bin " + first + "gsp_ga10x.bin",
                          "firmware " + last + "gsp_tu10x.bin " + last + "gsp_tu10x.bin"));
}

TEST_F(Files, FirmwareIsTakenFromTheDirectoryThatTheKernelWasGiven) {
  host_.tree()
      .file("/sys/module/firmware_class/parameters/path", "/opt/firmware\n")
      .file("/opt/firmware/nvidia/550.54.14/gsp_ga10x.bin")
      .file("/lib/firmware/nvidia/550.54.14/gsp_ga10x.bin");

  EXPECT_THAT(lines({}), ElementsAre("firmware /opt/firmware/nvidia/550.54.14/gsp_ga10x.bin "
                                     "/opt/firmware/nvidia/550.54.14/gsp_ga10x.bin"));
}

TEST_F(Files, FirmwareOfAnotherVersionStays) {
  host_.tree().file("/lib/firmware/nvidia/470.82.01/gsp.bin");
  EXPECT_THAT(lines({}), IsEmpty());

  host_.tree().file("/lib/firmware/nvidia/550.54.14/gsp_ga10x.bin");
  extras_.firmware = false;
  EXPECT_THAT(lines({}), IsEmpty());
}

TEST_F(Files, ConfigurationComesFromTheFirstDirectoryOfData) {
  host_.tree()
      .file("/etc/vulkan/icd.d/nvidia_icd.json")
      .file("/usr/share/vulkan/icd.d/nvidia_icd.json")
      .file("/etc/glvnd/egl_vendor.d/10_nvidia.json")
      .file("/usr/share/nvidia/nvoptix.bin");

  EXPECT_THAT(lines(kGraphics),
              ElementsAre("config /etc/glvnd/egl_vendor.d/10_nvidia.json "
                          "/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
                          "config /usr/share/nvidia/nvoptix.bin /usr/share/nvidia/nvoptix.bin",
                          "config /etc/vulkan/icd.d/nvidia_icd.json "
                          "/etc/vulkan/icd.d/nvidia_icd.json"));
  EXPECT_THAT(lines(kCompute), IsEmpty());
}

TEST_F(Files, OpenClComesWithComputeWhereTheImageHasADirectoryForIt) {
  host_.tree().file("/etc/OpenCL/vendors/nvidia.icd");

  const auto compute = found(kCompute).files;
  const auto graphics = found(kGraphics).files;

  ASSERT_EQ(compute.size(), 1U);
  EXPECT_TRUE(compute[0].in_present_directory);
  ASSERT_EQ(graphics.size(), 1U);
  EXPECT_FALSE(graphics[0].in_present_directory);
}

TEST_F(Files, ALibraryWithAVersionOfItsOwnIsTakenAsTheLoaderTakesIt) {
  host_.library("/usr/lib/libnvidia-egl-gbm.so.1.1.1", "libnvidia-egl-gbm.so.1");

  const auto driver = found(kGraphics);

  const auto gbm = std::ranges::find_if(driver.libraries, [](const Library& library) {
    return library.path.name() == "libnvidia-egl-gbm.so.1.1.1";
  });
  ASSERT_NE(gbm, driver.libraries.end());
  EXPECT_THAT(gbm->links, ElementsAre("libnvidia-egl-gbm.so.1"));
}

TEST_F(Files, DrmNodesAreThoseThatTheKernelListsForTheGpu) {
  host_.gpu("0000:01:00.0", 0).gpu("0000:02:00.0", 1);
  host_.node("/dev/dri/card1", 226, 1).node("/dev/dri/renderD128", 226, 128);
  host_.node("/dev/dri/card0", 226, 0);  // of another graphics board
  const std::string drm = "/sys/bus/pci/devices/0000:02:00.0/drm/";
  host_.tree()
      .file(drm + "card1/dev", "226:1\n")
      .file(drm + "renderD128/dev", "226:128\n")
      .directory(drm + "card1-DP-1");

  const auto gpus = found(kGraphics).gpus;

  EXPECT_THAT(gpus[0].drm, IsEmpty());
  EXPECT_THAT(
      gpus[1].drm,
      ElementsAre(DrmNode{{host_.on_disk("/dev/dri/card1")}, "card1", {226, 1}},
                  DrmNode{{host_.on_disk("/dev/dri/renderD128")}, "renderD128", {226, 128}}));
  EXPECT_THAT(found(kCompute).gpus[1].drm, IsEmpty());
}

TEST_F(Files, ADrmNodeThatIsNotThereIsMissedOnce) {
  host_.gpu("0000:01:00.0", 0);
  const std::string drm = "/sys/bus/pci/devices/0000:01:00.0/drm/";
  host_.tree().file(drm + "card0/dev", "226:0\n").file(drm + "renderD128/dev", "226:128\n");

  const auto driver = found(kGraphics);

  EXPECT_THAT(driver.gpus[0].drm, IsEmpty());
  EXPECT_THAT(driver.warnings,
              Contains(AllOf(Field(&Warning::id, WarningId::NodeMissing),
                             Field(&Warning::text, HasSubstr("card0, renderD128")))));
}

TEST_F(Files, ADrmNodeThatIsAnotherDeviceIsRefused) {
  host_.gpu("0000:01:00.0", 0).node("/dev/dri/card0", 1, 1);
  host_.tree().file("/sys/bus/pci/devices/0000:01:00.0/drm/card0/dev", "226:0\n");

  const auto driver = discover(host_.where(), kGraphics);

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::NodeType);
}

TEST_F(Files, OfTheKernelAreReadAsTheViewWantsThem) {
  const std::string directory = "/proc/driver/nvidia/";
  for (const auto* name : {"params", "version", "registry", "suspend"})
    host_.tree().file(directory + name, name);
  const auto names = [&](ProcfsView view) {
    extras_.procfs = view;
    std::vector<std::string> read;
    for (const auto& file : found(kCompute).kernel_files) {
      EXPECT_EQ(file.content, file.name);
      EXPECT_EQ(file.path.value, host_.on_disk(directory + file.name));
      read.push_back(file.name);
    }
    return read;
  };

  EXPECT_THAT(names(ProcfsView::View), ElementsAre("params", "version", "registry"));
  EXPECT_THAT(names(ProcfsView::Params), ElementsAre("params"));
  EXPECT_THAT(names(ProcfsView::None), IsEmpty());
}

}  // namespace
}  // namespace nvhook::driver
