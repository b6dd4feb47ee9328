// SPDX-License-Identifier: Apache-2.0
// A driver as NixOS has it: no ld.so.cache, nothing in /usr, and links into a store. Found with the
// directories that nvhook looks into without a configuration file.
#include <gmock/gmock.h>

#include <filesystem>

#include "driver/driver_fixture.hpp"
#include "nvhook/config/settings.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/elf/elf.hpp"
#include "support/elf_image.hpp"

namespace nvhook::driver {
namespace {

using test::ElfImage;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

constexpr Capabilities kDefault{Capability::Compute, Capability::Utility};

const std::string kDriver = "/nix/store/1c7h-nvidia-x11-550.54.14-6.6.30";
const std::string kDriver32 = "/nix/store/9p0s-nvidia-x11-550.54.14-6.6.30-lib32";
const std::string kPrograms = "/nix/store/4x2k-nvidia-x11-550.54.14-6.6.30-bin";
const std::string kEnvironment = "/nix/store/7bq1-graphics-drivers";

class NixOS : public test::DriverFixture {
 protected:
  void SetUp() override {
    DriverFixture::SetUp();
    // Several packages are joined in one directory: each of its names is a link.
    host_.tree()
        .symlink("/run/opengl-driver", kEnvironment)
        .file("/nix/store/0d3f-libglvnd-1.7.0/lib/libGL.so.1.7.0")
        .symlink(kEnvironment + "/lib/libGL.so.1",
                 "/nix/store/0d3f-libglvnd-1.7.0/lib/libGL.so.1.7.0");
    for (const auto* stem :
         {"libnvidia-ml.so", "libnvidia-cfg.so", "libcuda.so", "libnvidia-opencl.so",
          "libnvidia-ptxjitcompiler.so", "libnvidia-allocator.so"})
      library(stem, "550.54.14");
    // Of 32 bits there is one package: its directory is linked as it is.
    host_.tree()
        .file(kDriver32 + "/lib/libcuda.so.550.54.14", bytes_of_library("libcuda.so.1", 32))
        .symlink(kDriver32 + "/lib/libcuda.so.1", "libcuda.so.550.54.14")
        .symlink("/nix/store/5hh2-graphics-drivers-32bit/lib", kDriver32 + "/lib")
        .symlink("/run/opengl-driver-32", "/nix/store/5hh2-graphics-drivers-32bit");
    host_.tree()
        .symlink("/run/current-system", "/nix/store/2k3j-nixos-system-24.05")
        .symlink("/nix/store/2k3j-nixos-system-24.05/sw", "/nix/store/8ff0-system-path")
        .symlink("/nix/store/8ff0-system-path/bin/nvidia-smi", kPrograms + "/bin/nvidia-smi");
    program(kPrograms + "/bin/nvidia-smi");
  }

  static std::string bytes_of_library(std::string_view soname, int bits = 64) {
    return ElfImage{.bits = bits,
                    .machine = static_cast<std::uint16_t>(bits == 32 ? elf::Machine::I386
                                                                     : elf::native().machine),
                    .soname = std::string(soname),
                    .needed = {},
                    .notes = {}}
        .bytes();
  }

  // In the driver's package, and linked from the directory of all.
  void library(const std::string& stem, const std::string& version) {
    const auto soname = stem + ".1";
    const auto name = stem + "." + version;
    host_.tree()
        .file(kDriver + "/lib/" + name, bytes_of_library(soname))
        .symlink(kDriver + "/lib/" + soname, name)
        .symlink(kEnvironment + "/lib/" + name, kDriver + "/lib/" + name)
        .symlink(kEnvironment + "/lib/" + soname, kDriver + "/lib/" + soname);
    std::filesystem::permissions(host_.on_disk(kDriver + "/lib/" + name),
                                 std::filesystem::perms{0444});
  }
  void program(const std::string& path) {
    host_.tree().file(path, "#!");
    std::filesystem::permissions(host_.on_disk(path), std::filesystem::perms{0555});
  }

  Result<Driver> discovered(Capabilities wanted) {
    const auto settings = config::defaults();
    auto where = host_.where();
    where.library_directories = settings.search.libraries;
    where.program_directories = settings.search.programs;
    return discover(where, wanted);
  }
};

TEST_F(NixOS, HasItsLibrariesInTheStore) {
  const auto driver = discovered(kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->libraries, ::testing::SizeIs(6));
  EXPECT_THAT(driver->libraries,
              Contains(Library{.path = {host_.on_disk(kDriver + "/lib/libcuda.so.550.54.14")},
                               .links = {"libcuda.so.1"},
                               .abi = Abi::Native,
                               .capabilities = {Capability::Compute, Capability::Video}}));
  EXPECT_THAT(driver->warnings, Contains(Field(&Warning::id, WarningId::NoGpus)));
  EXPECT_THAT(driver->warnings, ::testing::SizeIs(1));
}

TEST_F(NixOS, HasLibrariesOf32Bits) {
  if (elf::native().machine != elf::Machine::X86_64) return;

  const auto driver = discovered({Capability::Compute, Capability::Compat32});

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->libraries,
              Contains(Library{.path = {host_.on_disk(kDriver32 + "/lib/libcuda.so.550.54.14")},
                               .links = {"libcuda.so.1"},
                               .abi = Abi::Compat32,
                               .capabilities = {Capability::Compute, Capability::Video}}));
}

TEST_F(NixOS, GivesProgramsAsNvidiaHasMadeThem) {
  program(kPrograms + "/origBin/nvidia-smi");

  const auto driver = discovered(kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->programs,
              ElementsAre(Program{{host_.on_disk(kPrograms + "/origBin/nvidia-smi")},
                                  Capability::Utility}));
}

TEST_F(NixOS, GivesItsOwnProgramsWhereItHasNoOthers) {
  host_.tree().file(kPrograms + "/origBin/nvidia-smi", "not executable");

  const auto driver = discovered(kDefault);

  ASSERT_TRUE(driver) << driver.error().text();
  EXPECT_THAT(driver->programs, ElementsAre(Program{{host_.on_disk(kPrograms + "/bin/nvidia-smi")},
                                                    Capability::Utility}));
}

TEST_F(NixOS, ThatWasSwitchedToAnotherDriverSaysWhichItHas) {
  host_.remove("/run/opengl-driver");
  host_.tree()
      .file("/nix/store/3w4e-nvidia-x11-560.35.03-6.6.50/lib/libcuda.so.560.35.03",
            bytes_of_library("libcuda.so.1"))
      .symlink("/nix/store/6g6g-graphics-drivers/lib/libcuda.so.560.35.03",
               "/nix/store/3w4e-nvidia-x11-560.35.03-6.6.50/lib/libcuda.so.560.35.03")
      .symlink("/run/opengl-driver", "/nix/store/6g6g-graphics-drivers");

  const auto driver = discovered({Capability::Compute});

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::DriverIncomplete);
  EXPECT_THAT(driver.error().text(),
              AllOf(HasSubstr("/run/opengl-driver/lib"), HasSubstr("560.35.03")));
}

}  // namespace
}  // namespace nvhook::driver
