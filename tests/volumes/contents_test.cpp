// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/contents.hpp"

#include <gmock/gmock.h>

#include "nvhook/volumes/store.hpp"
#include "support/elf_image.hpp"
#include "volumes/old_driver.hpp"

namespace nvhook::volumes {
namespace {

using ::testing::ContainerEq;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

driver::Library library(std::string path, std::vector<std::string> links,
                        driver::Abi abi = driver::Abi::Native) {
  return {.path = HostPath{std::move(path)},
          .links = std::move(links),
          .abi = abi,
          .capabilities = Capabilities{Capability::Compute}};
}

driver::Driver driver_of(std::vector<driver::Library> libraries,
                         std::vector<driver::Program> programs = {}) {
  driver::Driver driver;
  driver.version = "361.48";
  driver.libraries = std::move(libraries);
  driver.programs = std::move(programs);
  return driver;
}

std::vector<std::string> names_of(const Contents& contents) {
  std::vector<std::string> names;
  for (const auto& file : contents.files) {
    names.push_back(std::string(name_of(file.folder)) + "/" + file.name);
    for (const auto& link : file.links) names.push_back("  " + link);
  }
  return names;
}

std::vector<std::string> omitted_in(const Contents& contents) {
  std::vector<std::string> all;
  for (const auto& omitted : contents.omitted) all.push_back(omitted.path.value);
  return all;
}

TEST(VolumeContents, SortsFilesIntoFoldersWithTheirLinks) {
  const auto contents = contents_of(
      driver_of({library("/a/libcuda.so.361.48", {"libcuda.so.1"}),
                 library("/a/libnvidia-compiler.so.361.48", {}),
                 library("/b/libcuda.so.361.48", {"libcuda.so.1"}, driver::Abi::Compat32)},
                {{HostPath{"/usr/bin/nvidia-smi"}, Capability::Utility}}));

  EXPECT_THAT(names_of(contents),
              ElementsAre("bin/nvidia-smi", "lib/libcuda.so.361.48", "  libcuda.so.1",
                          "  libcuda.so", "lib64/libcuda.so.361.48", "  libcuda.so.1",
                          "  libcuda.so", "lib64/libnvidia-compiler.so.361.48"));
}

TEST(VolumeContents, HasTheLinksThatProgramsAskForBesides) {
  const auto contents =
      contents_of(driver_of({library("/a/libGLX_nvidia.so.361.48", {"libGLX_nvidia.so.0"}),
                             library("/a/libcudadebugger.so.361.48", {"libcudadebugger.so.1"}),
                             library("/a/libcuda.so.361.48", {})}));

  EXPECT_THAT(names_of(contents),
              ElementsAre("lib64/libGLX_nvidia.so.361.48", "  libGLX_nvidia.so.0",
                          "  libGLX_indirect.so.0", "lib64/libcudadebugger.so.361.48",
                          "  libcudadebugger.so.1", "lib64/libcuda.so.361.48", "  libcuda.so"));
}

TEST(VolumeContents, TakesTheFirstOfTwoFilesOfOneName) {
  const auto contents =
      contents_of(driver_of({library("/a/libx.so.361.48", {}), library("/b/libx.so.361.48", {}),
                             library("/c/liby.so.361.48", {"libx.so.361.48"})}));

  EXPECT_THAT(names_of(contents), ElementsAre("lib64/libx.so.361.48", "lib64/liby.so.361.48"));
  EXPECT_THAT(omitted_in(contents), ElementsAre("/b/libx.so.361.48"));
}

// A distribution's link may lead to a file of another name: that is the name in the volume then.
TEST(VolumeContents, HasAProgramByItsFilesName) {
  const auto contents =
      contents_of(driver_of({}, {{HostPath{"/opt/361/nvidia-smi-361"}, Capability::Utility}}));

  EXPECT_THAT(names_of(contents), ElementsAre("bin/nvidia-smi-361"));
}

TEST(VolumeContents, LeavesOutWhatTheOriginalLeavesOut) {
  const auto contents =
      contents_of(driver_of({library("/a/libnvidia-cfg.so.361.48", {"libnvidia-cfg.so.1"})},
                            {{HostPath{"/usr/bin/nv-fabricmanager"}, Capability::Utility}}));

  EXPECT_THAT(names_of(contents), IsEmpty());
}

class VolumeOfAHost : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ::umask(022); }

  Contents looked() {
    auto contents = look(host_.where());
    EXPECT_TRUE(contents) << contents.error().text();
    return contents.value_or(Contents{});
  }

  test::FakeHost host_;
  test::FakeRoot store_;
};

TEST_F(VolumeOfAHost, IsThatOfTheOriginal) {
  test::put_old_driver(host_);
  const auto contents = looked();
  const auto store = Store::open({.path = store_.on_disk("/volumes").string()});
  ASSERT_TRUE(store) << store.error().text();

  const auto created = store->create(contents);

  ASSERT_TRUE(created) << created.error().text();
  EXPECT_THAT(test::tree_of(store_.on_disk("/volumes").string()), ContainerEq(test::golden_tree()));
  EXPECT_THAT(test::golden_tree(), Contains(HasSubstr("libGLX_indirect.so.0 -> ")));
}

TEST_F(VolumeOfAHost, HasTheOlderTlsWhereThereIsNoOther) {
  const std::string name = "libnvidia-tls.so." + std::string(test::kVersion);
  host_.usual_libraries().library(
      "/usr/lib/" + name, "", test::ElfImage{.soname = name, .needed = {}, .notes = {}}.bytes());

  EXPECT_THAT(names_of(looked()), Contains("lib64/" + name));
}

TEST_F(VolumeOfAHost, PrefersTheDriversOwnGlToTheNeutralOne) {
  const std::string own = "libGL.so." + std::string(test::kVersion);
  const auto elf = [](const std::string& needed) {
    return test::ElfImage{.soname = "libGL.so.1", .needed = {needed}, .notes = {}}.bytes();
  };
  host_.usual_libraries()
      .library("/usr/lib/libGL.so.1.7.0", "libGL.so.1", elf("libGLdispatch.so.0"))
      .library("/usr/lib/nvidia/" + own, "libGL.so.1", elf("libnvidia-glcore.so.550.54.14"));

  const auto contents = looked();

  EXPECT_THAT(names_of(contents), Contains("lib64/" + own));
  EXPECT_THAT(names_of(contents), Not(Contains("lib64/libGL.so.1.7.0")));
  EXPECT_THAT(omitted_in(contents), Contains(HasSubstr("libGL.so.1.7.0")));
}

// Without an ld.so.cache: a driver in a container, NixOS.
TEST_F(VolumeOfAHost, IsFoundInDirectoriesToo) {
  const auto place = [this](const std::string& name, const std::string& soname,
                            std::vector<std::string> needed) {
    host_.tree().file(
        "/lib64/" + name,
        test::ElfImage{.soname = soname, .needed = std::move(needed), .notes = {}}.bytes());
  };
  for (const std::string stem : {"libcuda.so", "libnvidia-ml.so"})
    place(stem + "." + std::string(test::kVersion), stem + ".1", {});
  place("libGLX.so.0", "libGLX.so.0", {});
  place("libEGL.so.1", "libEGL.so.1", {"libGLdispatch.so.0"});
  place("libGLESv2.so.2", "libGLESv2.so.2", {"libglapi.so.0"});

  const auto names = names_of(looked());

  EXPECT_THAT(names, Contains("lib64/libGLX.so.0"));
  EXPECT_THAT(names, Contains("lib64/libEGL.so.1"));
  EXPECT_THAT(names, Not(Contains("lib64/libGLESv2.so.2")));
}

TEST_F(VolumeOfAHost, WithoutItsLibrariesIsNone) {
  const auto contents = look(host_.where());

  ASSERT_FALSE(contents);
  EXPECT_THAT(contents.error().text(), HasSubstr("E_DRIVER_INCOMPLETE"));
}

}  // namespace
}  // namespace nvhook::volumes
