// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/make_plan.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "plan/samples.hpp"

namespace nvhook::plan {
namespace {

using container::DirectoryFacts;
using container::Found;
using container::MountKind;
using container::Place;
using container::Standing;
using request::AllGpus;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Found standing(Standing what) {
  Found found;
  found.standing = what;
  return found;
}

Found node_of(DeviceNumber number) {
  auto found = standing(Standing::CharDevice);
  found.number = number;
  return found;
}

Found link_to(std::string text) {
  auto found = standing(Standing::Link);
  found.link_text = std::move(text);
  return found;
}

Found dangling_link_to(std::string text) {
  auto found = link_to(std::move(text));
  found.link_dangles = true;
  return found;
}

Found mounted_file() {
  auto found = standing(Standing::File);
  found.other_mount = true;
  return found;
}

// An image with the usual directories, in which nothing of the plan's stands unless a test says so.
class PlanOf : public ::testing::Test {
 protected:
  [[nodiscard]] Place library(std::string_view name) const {
    return {image_.library_directory, std::string(name)};
  }
  [[nodiscard]] static Place program(std::string_view name) {
    return {{"/usr/bin"}, std::string(name)};
  }
  [[nodiscard]] static Place node(std::string_view name) { return {{"/dev"}, std::string(name)}; }

  void lies(const ContainerPath& directory, MountKind mount) {
    directories_[directory] = {.resolved = directory, .exists = true, .mount = mount};
  }

  // Everything that a plan could make is there already.
  void everything_stands() {
    for (const auto& mount : draft().mounts)
      found_[mount.place] =
          mount.kind == Kind::Device ? node_of(mount.number) : standing(Standing::File);
    for (const auto& link : draft().links) found_[link.place] = link_to(link.target);
  }

  [[nodiscard]] Draft draft() const {
    auto made = plan::draft(request_, driver_, image_);
    EXPECT_TRUE(made) << made.error().text();
    return made ? std::move(*made) : Draft{};
  }

  [[nodiscard]] Result<Plan> make() const {
    auto drafted = draft();
    auto survey = test::empty_survey(drafted);
    for (const auto& [directory, facts] : directories_) survey.directories[directory] = facts;
    for (const auto& [place, found] : found_) survey.places[place] = found;
    return make_plan(std::move(drafted), {.container = container_,
                                          .config = config_,
                                          .request = request_,
                                          .driver = driver_,
                                          .image = image_,
                                          .survey = survey});
  }

  // The plan that can be made; an empty one if there is none, as a test then shows.
  [[nodiscard]] Plan plan() const {
    auto made = make();
    EXPECT_TRUE(made) << made.error().text();
    return made ? std::move(*made) : Plan{};
  }

  [[nodiscard]] std::optional<ErrorId> error() const {
    const auto made = make();
    return made ? std::nullopt : std::optional(made.error().id());
  }

  // The mounts onto `target`, of which there should be one.
  [[nodiscard]] static std::vector<Mount> onto(const Plan& plan, std::string_view target) {
    std::vector<Mount> mounts;
    std::ranges::copy_if(plan.mounts, std::back_inserter(mounts),
                         [&](const auto& mount) { return mount.target.value == target; });
    return mounts;
  }

  Container container_{.id = "c1", .pid = 4711, .bundle = "/b", .rootfs = "/b/rootfs"};
  oci::Config config_ = test::sample_config();
  request::Request request_ = test::asking_for(AllGpus{});
  driver::Driver driver_ = test::sample_driver();
  container::Image image_ = test::debian_image();
  std::map<Place, Found> found_;
  std::map<ContainerPath, DirectoryFacts> directories_;
};

const std::string kLibraries = "/usr/lib/x86_64-linux-gnu/";

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
                                   .options = kFileMount}));
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
  const auto over_nothing = plan();
  found_[library("libcuda.so.550.54.14")] = standing(Standing::File);
  found_[program("nvidia-smi")] = standing(Standing::File);
  found_[node("nvidia0")] = standing(Standing::File);

  EXPECT_EQ(plan(), over_nothing);
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

TEST_F(PlanOf, TheRightLinkIsLeftAlone) {
  found_[library("libcuda.so")] = link_to("libcuda.so.1");
  found_[library("libcuda.so.1")] = dangling_link_to("libcuda.so.550.54.14");

  const auto made = plan();

  EXPECT_EQ(made.symlinks.size(), 1U);
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(PlanOf, AStaleLinkIsExchanged) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Graphics});
  const struct {
    std::string_view name;
    Found found;
    std::string_view target;
  } cases[] = {
      {"libcuda.so.1", link_to("libcuda.so.535.104.05"), "libcuda.so.550.54.14"},
      {"libcuda.so.1", link_to("libcuda.so.390.157"), "libcuda.so.550.54.14"},
      {"libcuda.so.1", link_to("/usr/lib64/libcuda.so.535.104.05"), "libcuda.so.550.54.14"},
      {"libcuda.so", link_to("libcuda.so.535.104.05"), "libcuda.so.1"},
      {"libGLX_indirect.so.0", link_to("libGLX_nvidia.so.535.104.05"),
       "libGLX_nvidia.so.550.54.14"},
      {"libcuda.so.1", dangling_link_to("libcuda.so.535.104.05"), "libcuda.so.550.54.14"},
      {"libcuda.so.1", dangling_link_to("nothing/of-ours"), "libcuda.so.550.54.14"},
      {"libcuda.so", dangling_link_to("libcuda.so.2"), "libcuda.so.1"},
  };
  for (const auto& test : cases) {
    found_ = {{library(test.name), test.found}};
    const auto made = plan();
    EXPECT_THAT(made.symlinks, Contains(Symlink{{kLibraries + std::string(test.name)},
                                                std::string(test.target),
                                                test.found.link_text}))
        << test.name << " -> " << test.found.link_text;
    EXPECT_THAT(made.warnings, IsEmpty());
  }
}

TEST_F(PlanOf, WhateverElseStandsAtALinkStaysAndIsWarnedOf) {
  const struct {
    Found found;
    std::string_view text;
  } cases[] = {
      {link_to("libmine.so"), R"(is a link to "libmine.so" in the image and stays)"},
      {link_to("libcuda.so.2"), R"(is a link to "libcuda.so.2")"},
      {link_to("libcuda.so.1.7.0"), R"(is a link to "libcuda.so.1.7.0")"},
      {link_to("libcuda.so.535"), R"(is a link to "libcuda.so.535")"},
      {link_to("libcuda.so.535.1x"), R"(is a link to "libcuda.so.535.1x")"},
      {link_to("libcuda.so."), R"(is a link to "libcuda.so.")"},
      {link_to("libcuda.so"), R"(is a link to "libcuda.so")"},
      {link_to("libcuda.so_535.104"), R"(is a link to "libcuda.so_535.104")"},
      {link_to("libother.so.535.104.05"), R"(is a link to "libother.so.535.104.05")"},
      {link_to("libcuda.so.535.104.05/x"), R"(is a link to "libcuda.so.535.104.05/x")"},
      {standing(Standing::Directory), "is a directory in the image and stays"},
      {node_of({1, 3}), "is another device"},
      {standing(Standing::Other), "is a special file"},
  };
  for (const auto& test : cases) {
    found_ = {{library("libcuda.so.1"), test.found}};
    const auto made = plan();
    EXPECT_EQ(made.symlinks.size(), 2U) << test.text;
    ASSERT_EQ(made.warnings.size(), 1U) << test.text;
    EXPECT_EQ(made.warnings[0].id, WarningId::LinkExists);
    EXPECT_THAT(made.warnings[0].text, HasSubstr(test.text));
  }
}

TEST_F(PlanOf, AFileAtALinksPlaceIsCoveredByTheLibrary) {
  found_[library("libcuda.so")] = standing(Standing::File);

  const auto made = plan();

  EXPECT_EQ(made.symlinks.size(), 2U);
  EXPECT_THAT(onto(made, kLibraries + "libcuda.so"),
              ElementsAre(Mount{.kind = Kind::Library,
                                .capability = Capability::Compute,
                                .state = State::Mount,
                                .reason = "the image has a file where the link belongs",
                                .source = {kLibraries + "libcuda.so.550.54.14"},
                                .target = {kLibraries + "libcuda.so"},
                                .options = kFileMount}));
}

TEST_F(PlanOf, LinksOfAVolumeAreNotTouched) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});
  // A library's mount comes before its links and would fail first.
  auto drafted = draft();
  std::erase_if(drafted.mounts, [](const auto& mount) { return mount.kind == Kind::Library32; });
  auto survey = test::empty_survey(drafted);
  survey.directories[image_.library32_directory].mount = MountKind::Foreign;
  const auto error_with = [&](const Found& found) {
    survey.places[{image_.library32_directory, "libcuda.so.1"}] = found;
    survey.places[{image_.library32_directory, "libcuda.so"}] = link_to("libcuda.so.1");
    const auto made = make_plan(drafted, {.container = container_,
                                          .config = config_,
                                          .request = request_,
                                          .driver = driver_,
                                          .image = image_,
                                          .survey = survey});
    return made ? std::nullopt : std::optional(made.error().id());
  };

  EXPECT_EQ(error_with({}), ErrorId::DstForeignMount);
  EXPECT_EQ(error_with(standing(Standing::File)), ErrorId::DstForeignMount);
  EXPECT_EQ(error_with(dangling_link_to("libcuda.so.535.104.05")), ErrorId::DstForeignMount);
  EXPECT_EQ(error_with(link_to("libcuda.so.550.54.14")), std::nullopt);
}

// The image and the run

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
