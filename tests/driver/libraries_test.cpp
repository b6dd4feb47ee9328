// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <filesystem>

#include "driver/driver_fixture.hpp"
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
using ::testing::IsEmpty;
using ::testing::Not;

constexpr Capabilities kCompute{Capability::Compute};
constexpr Capabilities kUtility{Capability::Utility};
constexpr Capabilities kGraphics{Capability::Graphics};

const bool kHas32BitDriver = elf::native().machine == elf::Machine::X86_64;

class Libraries : public test::DriverFixture {
 protected:
  Driver discovered(Capabilities wanted) {
    auto driver = discover(host_.where(), wanted);
    EXPECT_TRUE(driver) << driver.error().text();
    return driver ? *std::move(driver) : Driver{};
  }

  // Every path below the fake root, as it looks inside it.
  std::vector<std::string> names(const Driver& driver) {
    std::vector<std::string> names;
    for (const auto& library : driver.libraries)
      names.push_back(library.path.value.substr(host_.on_disk("/").size()));
    return names;
  }

  auto omits(std::string_view path, const std::string& reason) {
    return Contains(AllOf(Field(&Omitted::path, HostPath{host_.on_disk(path)}),
                          Field(&Omitted::reason, HasSubstr(reason))));
  }
};

TEST_F(Libraries, ComeWithTheirSonameAndEveryCapabilityThatBringsThem) {
  host_.usual_libraries().cache_entry({"libcuda.so", "/usr/lib/libcuda.so"});
  host_.tree().symlink("/usr/lib/libcuda.so", "libcuda.so.1");

  const auto driver = discovered(kCompute);

  EXPECT_THAT(driver.libraries,
              Contains(Library{.path = {host_.on_disk("/usr/lib/libcuda.so.550.54.14")},
                               .links = {"libcuda.so.1"},
                               .abi = Abi::Native,
                               .capabilities = {Capability::Compute, Capability::Video}}));
}

TEST_F(Libraries, AreInTheOrderOfTheTableAndOnlyWhatIsWanted) {
  host_.usual_libraries();

  EXPECT_THAT(names(discovered(kUtility)), ElementsAre("/usr/lib/libnvidia-ml.so.550.54.14",
                                                       "/usr/lib/libnvidia-cfg.so.550.54.14"));
}

TEST_F(Libraries, HaveNoLinkToTheirOwnName) {
  host_.usual_libraries().library("/usr/lib/libnvidia-nvvm.so.550.54.14", "");

  EXPECT_THAT(discovered(kCompute).libraries, Contains(Field(&Library::links, IsEmpty())));
}

TEST_F(Libraries, OfAnotherDriverVersionAreLeftOut) {
  host_.library("/opt/old/libcuda.so.470.82.01", "libcuda.so.1")
      .usual_libraries()
      .library("/usr/lib/libnvidia-compiler.so.470.82.01", "");

  const auto driver = discovered(kCompute);

  EXPECT_THAT(names(driver), Contains("/usr/lib/libcuda.so.550.54.14"));
  EXPECT_THAT(names(driver), Not(Contains(HasSubstr("470"))));
  EXPECT_THAT(driver.omitted,
              omits("/opt/old/libcuda.so.470.82.01", "another driver version (470.82.01)"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libnvidia-compiler.so.470.82.01", "470.82.01"));
}

TEST_F(Libraries, OfALongerVersionAreNotThisDrivers) {
  host_.usual_libraries().library("/usr/lib/libnvidia-nvvm.so.1550.54.14", "");

  EXPECT_THAT(discovered(kCompute).omitted,
              omits("/usr/lib/libnvidia-nvvm.so.1550.54.14", "another driver version"));
}

TEST_F(Libraries, AreTakenOnceWhereTwoDirectoriesHaveThem) {
  host_.usual_libraries().library("/opt/copy/libcuda.so.550.54.14", "libcuda.so.1");

  const auto driver = discovered(kCompute);

  EXPECT_THAT(names(driver), Not(Contains(HasSubstr("/opt/copy"))));
  EXPECT_THAT(driver.omitted, omits("/opt/copy/libcuda.so.550.54.14", "the loader prefers"));
}

TEST_F(Libraries, ForAnyProcessorComeBeforeThoseForSome) {
  host_.cache_entry({"libcuda.so.1", "/usr/lib/fast/libcuda.so.1", 0x0303, 1}).usual_libraries();
  host_.tree().file("/usr/lib/fast/libcuda.so.550.54.14");
  host_.tree().symlink("/usr/lib/fast/libcuda.so.1", "libcuda.so.550.54.14");

  EXPECT_THAT(names(discovered(kCompute)), Contains("/usr/lib/libcuda.so.550.54.14"));
}

TEST_F(Libraries, ThatTheCacheNamesButNobodyHasAreLeftOut) {
  host_.usual_libraries().cache_entry({"libnvidia-nvvm.so.4", "/usr/lib/libnvidia-nvvm.so.4"});

  EXPECT_THAT(discovered(kCompute).omitted, omits("/usr/lib/libnvidia-nvvm.so.4", "No such file"));
}

TEST_F(Libraries, AreFilesAndNothingElse) {
  host_.usual_libraries().cache_entry(
      {"libnvidia-nvvm.so.550.54.14", "/usr/lib/libnvidia-nvvm.so.550.54.14"});
  host_.tree().directory("/usr/lib/libnvidia-nvvm.so.550.54.14");

  EXPECT_THAT(discovered(kCompute).omitted,
              omits("/usr/lib/libnvidia-nvvm.so.550.54.14", "not a regular file"));
}

TEST_F(Libraries, AreFoundThroughLinksOfAnyKind) {
  host_.usual_libraries();
  for (const auto* stem : {"libnvidia-ml.so", "libnvidia-cfg.so"})
    std::filesystem::rename(host_.on_disk("/usr/lib/" + std::string(stem) + ".550.54.14"),
                            host_.on_disk("/opt." + std::string(stem) + ".550.54.14"));
  host_.tree()
      .symlink("/usr/lib/libnvidia-ml.so.550.54.14", "/etc/alternatives/ml")
      .symlink("/etc/alternatives/ml", "/opt.libnvidia-ml.so.550.54.14")
      .symlink("/usr/lib/libnvidia-cfg.so.550.54.14", "../../opt.libnvidia-cfg.so.550.54.14");

  const auto driver = discovered(kUtility);

  ASSERT_THAT(names(driver),
              ElementsAre("/opt.libnvidia-ml.so.550.54.14", "/opt.libnvidia-cfg.so.550.54.14"));
  EXPECT_THAT(driver.libraries.front().links, ElementsAre("libnvidia-ml.so.1"));
}

TEST_F(Libraries, BehindALinkToNowhereOrToItselfAreLeftOut) {
  host_.usual_libraries();
  for (const auto* name : {"libnvidia-nvvm.so.4", "libcudadebugger.so.1"})
    host_.cache_entry({name, "/usr/lib/" + std::string(name)});
  host_.tree()
      .symlink("/usr/lib/libnvidia-nvvm.so.4", "libnvidia-nvvm.so.550.54.14")
      .symlink("/usr/lib/libcudadebugger.so.1", "libcudadebugger.so.1");

  const auto driver = discovered(kCompute);

  EXPECT_THAT(driver.omitted, omits("/usr/lib/libnvidia-nvvm.so.4", "No such file"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libcudadebugger.so.1", "symbolic links"));
}

TEST_F(Libraries, Of32BitsAreOnlyForThoseWhoWantThem) {
  host_.usual_libraries().library("/usr/lib32/libcuda.so.550.54.14", "libcuda.so.1", "x", 0x0003);

  EXPECT_THAT(names(discovered(kCompute)), Not(Contains(HasSubstr("lib32"))));
  const auto both = discovered({Capability::Compute, Capability::Compat32});
  if (!kHas32BitDriver) return;
  ASSERT_THAT(names(both), Contains("/usr/lib32/libcuda.so.550.54.14"));
  EXPECT_EQ(both.libraries.back().abi, Abi::Compat32);
  EXPECT_EQ(both.libraries.front().abi, Abi::Native);
}

TEST_F(Libraries, ThatAreEssentialMakeTheDriverIncomplete) {
  host_.usual_libraries();
  host_.remove("/usr/lib/libcuda.so.1");
  host_.tree().file("/usr/lib/libcuda.so.470.82.01");
  host_.tree().symlink("/usr/lib/libcuda.so.1", "libcuda.so.470.82.01");

  for (const auto wanted : {Capability::Compute, Capability::Video}) {
    const auto driver = discover(host_.where(), {wanted});
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().id(), ErrorId::DriverIncomplete);
    EXPECT_THAT(driver.error().text(),
                AllOf(HasSubstr("libcuda.so.550.54.14"), HasSubstr("/etc/ld.so.cache"),
                      HasSubstr("other versions there: 470.82.01")));
  }
  EXPECT_TRUE(discover(host_.where(), kUtility));
}

TEST_F(Libraries, ForManagementAreEssentialForUtility) {
  host_.library("/usr/lib/libnvidia-cfg.so.550.54.14", "libnvidia-cfg.so.1");

  const auto driver = discover(host_.where(), kUtility);

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::DriverIncomplete);
  EXPECT_THAT(driver.error().text(), HasSubstr("libnvidia-ml.so.550.54.14, needed for utility"));
}

TEST_F(Libraries, ThatEveryDriverHasAreMissedInOneWarning) {
  host_.library("/usr/lib/libcuda.so.550.54.14", "libcuda.so.1")
      .library("/usr/lib/libnvidia-ml.so.550.54.14", "libnvidia-ml.so.1");

  const auto driver = discovered({Capability::Compute, Capability::Utility});

  EXPECT_THAT(
      driver.warnings,
      Contains(AllOf(Field(&Warning::id, WarningId::LibraryMissing),
                     Field(&Warning::text, AllOf(HasSubstr("libnvidia-cfg.so.550.54.14"),
                                                 HasSubstr("libnvidia-ptxjitcompiler.so.550.54.14"),
                                                 Not(HasSubstr("libnvidia-nvvm")))))));
  EXPECT_THAT(driver.warnings, ::testing::SizeIs(2));  // the other: no GPUs
}

TEST_F(Libraries, ForGraphicsAreNeverMesas) {
  host_.library("/usr/lib/libGLX_nvidia.so.550.54.14", "libGLX_nvidia.so.0")
      .library("/usr/lib/libGL.so.1.7.0", "libGL.so.1")
      .library("/usr/lib/libEGL.so.550.54.14", "libEGL.so.1");

  const auto driver = discovered(kGraphics);

  EXPECT_THAT(names(driver), ElementsAre("/usr/lib/libGLX_nvidia.so.550.54.14"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libGL.so.1.7.0", "not a file of the NVIDIA driver"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libEGL.so.550.54.14", "GLVND"));
}

TEST_F(Libraries, ForGraphicsWithoutGlvndNeedTheDriversGlCore) {
  const ElfImage ours{.soname = "libGL.so.1",
                      .needed = {"libc.so.6", "libnvidia-glcore.so.550.54.14"},
                      .notes = {}};
  const ElfImage mesas{.soname = "libEGL.so.1", .needed = {"libgbm.so.1"}, .notes = {}};
  host_.library("/usr/lib/libGL.so.550.54.14", "libGL.so.1", ours.bytes())
      .library("/usr/lib/libEGL.so.550.54.14", "libEGL.so.1", mesas.bytes())
      .library("/usr/lib/libGLESv2.so.550.54.14", "libGLESv2.so.2", "no ELF file");

  const auto driver = discovered(kGraphics);

  EXPECT_THAT(names(driver), ElementsAre("/usr/lib/libGL.so.550.54.14"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libEGL.so.550.54.14", "GL core"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libGLESv2.so.550.54.14", "ELF file"));
}

TEST_F(Libraries, ForThreadLocalStorageAreOfTheVariantForKernelsOfToday) {
  const auto tls = [](test::ElfImage::Note note) {
    return ElfImage{.soname = "libnvidia-tls.so.550.54.14", .needed = {}, .notes = {note}}.bytes();
  };
  host_.library("/usr/lib/libnvidia-tls.so.550.54.14", "", tls(test::abi_note(2, 2, 5)))
      .library("/usr/lib/none/libnvidia-tls.so.550.54.14", "", tls({4, "GNU", "go"}))
      .library("/usr/lib/tls/libnvidia-tls.so.550.54.14", "", tls(test::abi_note(2, 3, 99)));

  const auto driver = discovered(kGraphics);

  EXPECT_THAT(names(driver), ElementsAre("/usr/lib/tls/libnvidia-tls.so.550.54.14"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/libnvidia-tls.so.550.54.14", "older kernels"));
  EXPECT_THAT(driver.omitted, omits("/usr/lib/none/libnvidia-tls.so.550.54.14", "ABI note"));
}

TEST_F(Libraries, OfADamagedCacheAreNotGuessed) {
  host_.tree().file("/etc/ld.so.cache", "damaged");

  const auto driver = discover(host_.where(), kCompute);

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::DriverRead);
  EXPECT_THAT(driver.error().text(), HasSubstr("/etc/ld.so.cache"));
}

// A driver below a directory of its own, as container-optimised systems have it.
class LibrariesWithoutCache : public Libraries {
 protected:
  static std::string library_of(std::string_view soname, int bits = 64) {
    return ElfImage{.bits = bits,
                    .machine = static_cast<std::uint16_t>(bits == 32 ? elf::Machine::I386
                                                                     : elf::native().machine),
                    .soname = std::string(soname),
                    .needed = {},
                    .notes = {}}
        .bytes();
  }
};

TEST_F(LibrariesWithoutCache, AreFoundByTheirVersionWithTheSonameInTheFile) {
  host_.tree()
      .file("/lib64/libnvidia-ml.so.550.54.14", library_of("libnvidia-ml.so.1"))
      .file("/lib64/libnvidia-ml.so.470.82.01", library_of("libnvidia-ml.so.1"))
      .file("/lib/libnvidia-cfg.so.550.54.14", library_of("libnvidia-cfg.so.1"));

  const auto driver = discovered(kUtility);

  EXPECT_THAT(driver.libraries,
              ElementsAre(Library{.path = {host_.on_disk("/lib64/libnvidia-ml.so.550.54.14")},
                                  .links = {"libnvidia-ml.so.1"},
                                  .abi = Abi::Native,
                                  .capabilities = kUtility},
                          Library{.path = {host_.on_disk("/lib/libnvidia-cfg.so.550.54.14")},
                                  .links = {"libnvidia-cfg.so.1"},
                                  .abi = Abi::Native,
                                  .capabilities = kUtility}));
}

TEST_F(LibrariesWithoutCache, AreSortedByTheirClassNotByTheirDirectory) {
  host_.tree()
      .file("/lib64/libnvidia-ml.so.550.54.14", library_of("libnvidia-ml.so.1", 32))
      .file("/lib32/libnvidia-ml.so.550.54.14", library_of("libnvidia-ml.so.1"));

  EXPECT_THAT(names(discovered(kUtility)), ElementsAre("/lib32/libnvidia-ml.so.550.54.14"));
  if (!kHas32BitDriver) return;
  EXPECT_THAT(names(discovered({Capability::Utility, Capability::Compat32})),
              ElementsAre("/lib32/libnvidia-ml.so.550.54.14", "/lib64/libnvidia-ml.so.550.54.14"));
}

TEST_F(LibrariesWithoutCache, InADirectoryOfTwoNamesAreTakenOnce) {
  host_.tree()
      .file("/lib/libnvidia-ml.so.550.54.14", library_of("libnvidia-ml.so.1"))
      .symlink("/lib64", "lib");

  const auto driver = discovered(kUtility);

  EXPECT_THAT(names(driver), ElementsAre("/lib/libnvidia-ml.so.550.54.14"));
  EXPECT_THAT(driver.omitted, IsEmpty());
}

TEST_F(LibrariesWithoutCache, OfOtherVersionsAreNamedWhenAnEssentialOneIsMissing) {
  host_.tree()
      .file("/lib64/libcuda.so.470.82.01", library_of("libcuda.so.1"))
      .file("/lib/libcuda.so.535.54.03", library_of("libcuda.so.1"));

  const auto driver = discover(host_.where(), kCompute);

  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().id(), ErrorId::DriverIncomplete);
  EXPECT_THAT(driver.error().text(),
              AllOf(HasSubstr(host_.on_disk("/lib64")), HasSubstr("470.82.01, 535.54.03")));
}

TEST_F(LibrariesWithoutCache, ThatAreNoElfFilesAreLeftOut) {
  host_.tree()
      .file("/lib64/libnvidia-ml.so.550.54.14", "junk")
      .file("/lib/libnvidia-ml.so.550.54.14", library_of("libnvidia-ml.so.1"));

  const auto driver = discovered(kUtility);

  EXPECT_THAT(names(driver), ElementsAre("/lib/libnvidia-ml.so.550.54.14"));
  EXPECT_THAT(driver.omitted, omits("/lib64/libnvidia-ml.so.550.54.14", "ELF file"));
}

}  // namespace
}  // namespace nvhook::driver
