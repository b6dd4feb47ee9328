// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/make_plan.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(PlanOf, AnEmptyImageMountsAndLinksAllOfTheDraft) {
  const auto made = plan();

  ASSERT_EQ(made.mounts.size(), draft().mounts.size());
  EXPECT_THAT(made.mounts, Each(Field(&Mount::state, State::Mount)));
  EXPECT_EQ(made.mounts[1], (Mount{.kind = Kind::Library,
                                   .capability = Capability::Compute,
                                   .state = State::Mount,
                                   .reason = "compute",
                                   .source = {kLibraries + "libcuda.so.550.54.14"},
                                   .target = {kLibraries + "libcuda.so.550.54.14"},
                                   .options = kFileMount,
                                   .makes_point = true}));
  EXPECT_THAT(
      made.symlinks,
      ElementsAre(
          Symlink{{kLibraries + "libnvidia-ml.so.1"}, "libnvidia-ml.so.550.54.14", std::nullopt},
          Symlink{{kLibraries + "libcuda.so.1"}, "libcuda.so.550.54.14", std::nullopt},
          Symlink{{kLibraries + "libcuda.so"}, "libcuda.so.1", std::nullopt}));
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(PlanOf, ARequestCarriesWhatWasAskedAndFound) {
  driver_.warnings = {{WarningId::LibraryMissing, "libnvidia-cfg.so is missing"}};

  const auto made = plan();

  EXPECT_EQ(made.container, container_);
  EXPECT_EQ(made.request, request_);
  EXPECT_EQ(made.driver_version, "550.54.14");
  EXPECT_EQ(made.driver_root, "/");
  EXPECT_EQ(made.gpus, driver_.gpus);
  EXPECT_EQ(made.omitted, driver_.omitted);
  EXPECT_EQ(made.warnings, driver_.warnings);
}

TEST_F(PlanOf, AMountForbidsWhatItsKindDoesNotNeed) {
  request_ = test::asking_for(AllGpus{}, Capabilities::all());

  for (const auto& mount : plan().mounts)
    EXPECT_EQ(mount.options, mount.kind == Kind::Device ? kDeviceMount : kFileMount)
        << mount.target.value;
}

TEST_F(PlanOf, EachNodeHasADeviceRule) {
  EXPECT_THAT(
      plan().devices,
      ElementsAre(Device{{"/dev/nvidiactl"}, {195, 255}}, Device{{"/dev/nvidia-uvm"}, {240, 0}},
                  Device{{"/dev/nvidia-uvm-tools"}, {240, 1}}, Device{{"/dev/nvidia0"}, {195, 0}},
                  Device{{"/dev/nvidia3"}, {195, 3}}));
}

TEST_F(PlanOf, TargetsAreNamedByWhereTheirDirectoryReallyIs) {
  directories_[image_.library_directory] = {.resolved = {"/opt/lib"}, .exists = true};

  const auto made = plan();

  EXPECT_EQ(made.mounts[0].target.value, "/opt/lib/libnvidia-ml.so.550.54.14");
  EXPECT_EQ(made.symlinks[0].path.value, "/opt/lib/libnvidia-ml.so.1");
}

TEST_F(PlanOf, ADevThatIsALinkGetsNoNodes) {
  directories_[{"/dev"}] = {.resolved = {"/tmp"}, .exists = true, .mount = MountKind::Rootfs};

  EXPECT_EQ(error(), ErrorId::DstResolve);
}

TEST_F(PlanOf, LibrariesDoNotGoIntoTheRuntimesDev) {
  directories_[image_.library_directory] = {
      .resolved = {"/dev"}, .exists = true, .mount = MountKind::Dev};

  EXPECT_EQ(error(), ErrorId::DstForeignMount);
}

TEST_F(PlanOf, NothingIsMadeWhereItCouldNotBeTakenAwayAgain) {
  directories_[image_.library_directory] = {
      .resolved = image_.library_directory, .exists = true, .fixed = true};

  EXPECT_EQ(error(), ErrorId::DstReadOnly);
}

TEST_F(PlanOf, AMissingDirectoryIsNoObstacle) {
  directories_[image_.library_directory] = {.resolved = image_.library_directory, .exists = false};

  EXPECT_EQ(error(), std::nullopt);
}

// Nodes

TEST_F(PlanOf, TheVeryNodeIsLeftAloneAndAllowed) {
  found_[node("nvidia3")] = node_of({195, 3});

  const auto made = plan();

  EXPECT_THAT(onto(made, "/dev/nvidia3"), ElementsAre(Mount{.kind = Kind::Device,
                                                            .capability = std::nullopt,
                                                            .state = State::Present,
                                                            .reason = "GPU 1",
                                                            .source = {"/dev/nvidia3"},
                                                            .target = {"/dev/nvidia3"},
                                                            .options = {}}));
  EXPECT_EQ(onto(made, "/dev/nvidia0")[0].state, State::Mount);
  EXPECT_THAT(made.devices, Contains(Device{{"/dev/nvidia3"}, {195, 3}}));
}

TEST_F(PlanOf, TheVeryNodeIsFineOnAnyDev) {
  for (const auto mount : {MountKind::Foreign, MountKind::Rootfs}) {
    everything_stands();
    lies({"/dev"}, mount);
    directories_[{"/dev"}].shared = true;
    for (auto& [place, found] : found_) found.other_mount = place.directory.value == "/dev";
    config_.root_readonly = true;

    const auto made = plan();

    EXPECT_EQ(made.devices.size(), 5U);
    EXPECT_EQ(onto(made, "/dev/nvidia0")[0].state, State::Present);
  }
}

TEST_F(PlanOf, ADevOfTheImageGetsTheNodesLikeAnyDirectory) {
  lies({"/dev"}, MountKind::Rootfs);
  config_.mounts.clear();

  EXPECT_EQ(onto(plan(), "/dev/nvidia0")[0].state, State::Mount);
}

TEST_F(PlanOf, ADevThatTheRuntimeDoesNotMakeGetsNoNodes) {
  lies({"/dev"}, MountKind::Foreign);

  EXPECT_EQ(error(), ErrorId::DstForeignMount);
}

TEST_F(PlanOf, ABundleGetsADevOfItsRuntimeByAMountOfTypeTmpfs) {
  container_.pid = std::nullopt;
  lies({"/dev"}, MountKind::Foreign);
  const struct {
    std::string_view destination;
    std::string_view type;
    std::optional<ErrorId> error;
  } cases[] = {
      {"/dev", "tmpfs", std::nullopt},
      {"/dev/", "tmpfs", std::nullopt},
      {"/dev", "bind", ErrorId::DstForeignMount},
      {"/dev", "", ErrorId::DstForeignMount},
      {"/dev/shm", "tmpfs", ErrorId::DstForeignMount},
      {"/", "tmpfs", ErrorId::DstForeignMount},
  };
  for (const auto& test : cases) {
    config_.mounts = {{.destination = std::string(test.destination),
                       .type = std::string(test.type),
                       .source = "tmpfs",
                       .options = {}}};
    EXPECT_EQ(error(), test.error) << test.destination << " " << test.type;
  }
}

TEST_F(PlanOf, ABundlesDevThatAVolumeCoversIsNotTheRuntimes) {
  container_.pid = std::nullopt;
  lies({"/dev"}, MountKind::Foreign);
  config_.mounts.push_back(
      {.destination = "/dev", .type = "bind", .source = "/dev", .options = {"rbind"}});

  EXPECT_EQ(error(), ErrorId::DstForeignMount);
}

// Targets

TEST_F(PlanOf, AFileIsMountedOver) {
  auto expected = plan();
  for (auto& mount : expected.mounts)
    mount.makes_point = mount.source.name() != "libcuda.so.550.54.14" &&
                        mount.source.name() != "nvidia-smi" && mount.source.name() != "nvidia0";
  found_[library("libcuda.so.550.54.14")] = standing(Standing::File);
  found_[program("nvidia-smi")] = standing(Standing::File);
  found_[node("nvidia0")] = standing(Standing::File);

  EXPECT_EQ(plan(), expected);
}

TEST_F(PlanOf, NothingButAFileIsMountedOver) {
  const auto cuda = library("libcuda.so.550.54.14");
  const struct {
    Place place;
    Found found;
    std::string_view text;
  } cases[] = {
      {cuda, standing(Standing::Directory), R"(libcuda.so.550.54.14" is a directory in the image)"},
      {cuda, link_to("elsewhere"), "is a symbolic link"},
      {cuda, dangling_link_to("nowhere"), "is a symbolic link"},
      {cuda, node_of({195, 0}), "is another device"},
      {cuda, standing(Standing::Other), "is a special file"},
      {program("nvidia-smi"), link_to("/bin/true"), R"("/usr/bin/nvidia-smi" is a symbolic link)"},
      {node("nvidia0"), node_of({195, 3}), R"("/dev/nvidia0" is another device)"},
      {node("nvidia0"), node_of({1, 0}), "is another device"},
      {node("nvidia0"), standing(Standing::Directory), "is a directory"},
      {node("nvidia0"), link_to("null"), "is a symbolic link"},
      {node("nvidia0"), standing(Standing::Other), "is a special file"},
  };
  for (const auto& test : cases) {
    found_ = {{test.place, test.found}};
    const auto made = make();
    ASSERT_FALSE(made) << test.text;
    EXPECT_EQ(made.error().id(), ErrorId::DstType);
    EXPECT_THAT(made.error().text(), HasSubstr(test.text));
  }
}

TEST_F(PlanOf, AMountOfTheContainersOwnIsNotMountedOver) {
  for (const auto& place : {library("libcuda.so.550.54.14"), program("nvidia-smi"), node("nvidia0"),
                            library("libcuda.so.1")}) {
    found_ = {{place, mounted_file()}};
    EXPECT_EQ(error(), ErrorId::DstForeignMount) << place.name;
  }
}

TEST_F(PlanOf, NothingIsMadeInAVolume) {
  for (const auto& directory : {image_.library_directory, ContainerPath{"/usr/bin"}}) {
    directories_.clear();
    lies(directory, MountKind::Foreign);
    const auto made = make();
    ASSERT_FALSE(made) << directory.value;
    EXPECT_EQ(made.error().id(), ErrorId::DstForeignMount);
    EXPECT_THAT(made.error().text(), HasSubstr("\"" + directory.value + "\" lies in a volume"));
  }
}

TEST_F(PlanOf, NothingIsMountedOverInAVolume) {
  everything_stands();
  lies(image_.library_directory, MountKind::Foreign);

  EXPECT_EQ(error(), ErrorId::DstForeignMount);
}

TEST_F(PlanOf, AMountThatWouldAppearOnTheHostIsRefused) {
  for (const auto& directory :
       {image_.library_directory, ContainerPath{"/usr/bin"}, ContainerPath{"/dev"}}) {
    directories_.clear();
    lies(directory, directory.value == "/dev" ? MountKind::Dev : MountKind::Rootfs);
    directories_[directory].shared = true;
    EXPECT_EQ(error(), ErrorId::Propagation) << directory.value;
  }
}

TEST_F(PlanOf, AReadOnlyRootGetsNoNewNames) {
  config_.root_readonly = true;
  const auto lacking = [this](const Place& place) {
    everything_stands();
    found_[place] = {};
    return error();
  };

  EXPECT_EQ(lacking(library("libcuda.so.550.54.14")), ErrorId::DstReadOnly);
  EXPECT_EQ(lacking(program("nvidia-smi")), ErrorId::DstReadOnly);
  EXPECT_EQ(lacking(library("libcuda.so")), ErrorId::DstReadOnly);
  EXPECT_EQ(lacking(node("nvidia0")), std::nullopt);  // on the runtime's tmpfs
}

TEST_F(PlanOf, AReadOnlyRootWithEverythingInPlaceIsFine) {
  config_.root_readonly = true;
  everything_stands();

  const auto made = plan();

  EXPECT_EQ(made.mounts.size(), draft().mounts.size());
  EXPECT_THAT(made.symlinks, IsEmpty());
}

TEST_F(PlanOf, AReadOnlyRootKeepsItsStaleLinks) {
  config_.root_readonly = true;
  everything_stands();
  found_[library("libcuda.so.1")] = dangling_link_to("libcuda.so.535.104.05");

  const auto made = make();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id(), ErrorId::DstReadOnly);
  EXPECT_THAT(made.error().text(), HasSubstr(R"(libcuda.so.1" is a stale link and)"));
}

TEST_F(PlanOf, TwoDirectoriesThatAreOneGetEachNameOnce) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});
  directories_[image_.library32_directory] = {.resolved = image_.library_directory, .exists = true};

  const auto made = plan();

  ASSERT_EQ(onto(made, kLibraries + "libcuda.so.550.54.14").size(), 1U);
  EXPECT_EQ(onto(made, kLibraries + "libcuda.so.550.54.14")[0].kind, Kind::Library);
  EXPECT_THAT(made.omitted,
              Contains(driver::Omitted{{"/usr/lib/i386-linux-gnu/libcuda.so.550.54.14"},
                                       "another file of that name is injected already"}));
  EXPECT_EQ(made.symlinks.size(), 2U);
}

// Links

TEST_F(PlanOf, AnImageWithoutALoaderIsWarnedOf) {
  image_.libc = container::Libc::None;
  image_.loader.reset();

  EXPECT_THAT(plan().warnings, ElementsAre(Field(&Warning::id, WarningId::NoLoader)));
}

TEST_F(PlanOf, AnEmptyRootIsWarnedOfOnce) {
  image_.libc = container::Libc::None;
  image_.loader.reset();
  image_.empty = true;
  container_.rootfs = "/b/\x1b[31m";

  const auto warnings = plan().warnings;

  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].id, WarningId::RootfsEmpty);
  EXPECT_THAT(warnings[0].text, HasSubstr(R"("/b/\x1b[31m")"));
}

TEST_F(PlanOf, ARunningContainerHasNothingUnknown) { EXPECT_THAT(plan().unknown, IsEmpty()); }

TEST_F(PlanOf, ABundleAloneLeavesThingsUnknown) {
  container_.pid.reset();

  EXPECT_THAT(plan().unknown,
              ElementsAre(Unknown::Cgroup, Unknown::PresentNodes, Unknown::Propagation));
}

TEST_F(PlanOf, ABundleIsPlannedForTheDevThatItsRuntimeWillMake) {
  container_.pid.reset();
  config_.root_readonly = true;
  everything_stands();
  lies({"/dev"}, MountKind::Rootfs);  // of the image: the runtime covers it
  found_[node("nvidia0")] = standing(Standing::Directory);
  found_[node("nvidiactl")] = {};

  const auto made = plan();

  for (const auto& mount : made.mounts) EXPECT_EQ(mount.state, State::Mount) << mount.target.value;
}

TEST_F(PlanOf, ABundleIsPlannedForTheDevOfItsImageWhereTheRuntimeMakesNone) {
  container_.pid.reset();
  config_.mounts.clear();
  lies({"/dev"}, MountKind::Rootfs);
  found_[node("nvidia0")] = node_of({195, 0});

  EXPECT_EQ(onto(plan(), "/dev/nvidia0")[0].state, State::Present);
}

TEST_F(PlanOf, ABundleIsPlannedForWhatItsImageHasOutsideOfDev) {
  container_.pid.reset();
  found_[library("libcuda.so.550.54.14")] = standing(Standing::Directory);

  EXPECT_EQ(error(), ErrorId::DstType);
}

TEST_F(PlanOf, TheSameInputsAreTheSamePlan) {
  request_ = test::asking_for(AllGpus{}, Capabilities::all());
  found_[library("libcuda.so.1")] = link_to("libcuda.so.535.104.05");
  found_[library("libcuda.so")] = standing(Standing::Directory);
  found_[node("nvidia0")] = node_of({195, 0});

  EXPECT_EQ(plan(), plan());
}

}  // namespace
}  // namespace nvhook::plan
