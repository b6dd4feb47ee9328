// SPDX-License-Identifier: Apache-2.0
// Plans that put everything into one directory of ours.
#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "nvhook/plan/make_plan.hpp"
#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const Place kTree{{"/usr/local"}, "nvidia"};

class TreeOfAPlan : public PlanOf {
 protected:
  TreeOfAPlan() { layout_ = Layout::Tree; }

  [[nodiscard]] static std::vector<std::string> targets(const Plan& plan) {
    std::vector<std::string> all;
    for (const auto& mount : plan.mounts) all.push_back(mount.target.value);
    return all;
  }
};

// The draft

TEST_F(TreeOfAPlan, HasTheLibrariesAndProgramsAndTheLinksOfTheLibraries) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});

  const auto drafted = draft();

  EXPECT_EQ(drafted.tree, kTree);
  std::vector<Place> places;
  for (const auto& mount : drafted.mounts)
    if (mount.kind != Kind::Device) places.push_back(mount.place);
  const std::string file = "libcuda.so.550.54.14";
  EXPECT_THAT(places, ElementsAre(Place{{"/usr/local/nvidia/lib64"}, file},
                                  Place{{"/usr/local/nvidia/lib"}, file},
                                  Place{{"/usr/local/nvidia/bin"}, "nvidia-cuda-mps-control"}));
  for (const auto& link : drafted.links)
    EXPECT_EQ(is_in_tree(drafted, link.place), link.kind != Kind::Binary) << link.place.name;
}

TEST_F(TreeOfAPlan, HasLinksToItsProgramsWherePathLeads) {
  const auto drafted = draft();

  std::vector<std::string> links;
  for (const auto& link : drafted.links)
    if (link.kind == Kind::Binary)
      links.push_back((link.place.directory / link.place.name).value + " -> " + link.target);
  EXPECT_THAT(links, ElementsAre("/usr/bin/nvidia-smi -> /usr/local/nvidia/bin/nvidia-smi",
                                 "/usr/bin/nvidia-cuda-mps-control -> "
                                 "/usr/local/nvidia/bin/nvidia-cuda-mps-control"));
}

TEST_F(TreeOfAPlan, LeavesTheNodesInDev) {
  for (const auto& mount : draft().mounts)
    EXPECT_EQ(mount.place.directory.value == "/dev", mount.kind == Kind::Device)
        << mount.place.name;
}

TEST_F(TreeOfAPlan, IsLookedAtAsAWhole) {
  EXPECT_THAT(places_of(draft()),
              UnorderedElementsAre(kTree, node("nvidiactl"), node("nvidia-uvm"),
                                   node("nvidia-uvm-tools"), node("nvidia0"), node("nvidia3"),
                                   program("nvidia-smi"), program("nvidia-cuda-mps-control")));
}

TEST_F(TreeOfAPlan, HasWhatIsBelowItAndNothingElse) {
  const auto drafted = draft();

  EXPECT_TRUE(is_in_tree(drafted, {{"/usr/local/nvidia/lib64"}, "x"}));
  EXPECT_FALSE(is_in_tree(drafted, {{"/usr/local/nvidia-other/lib64"}, "x"}));
  EXPECT_FALSE(is_in_tree(drafted, kTree));
  layout_ = Layout::System;
  EXPECT_FALSE(is_in_tree(draft(), {{"/usr/local/nvidia/lib64"}, "x"}));
  EXPECT_EQ(draft().tree, std::nullopt);
}

TEST_F(TreeOfAPlan, IsInDevForAReadOnlyRootWhateverTheLayout) {
  drafted_read_only_ = true;
  for (const auto layout : {Layout::System, Layout::Tree}) {
    layout_ = layout;
    EXPECT_EQ(draft().tree, (Place{{"/dev"}, ".nvhook"}));
    EXPECT_TRUE(is_in_tree(draft(), draft().mounts.front().place));
  }
}

// Where it stands

TEST_F(TreeOfAPlan, IsMadeWhereNothingStands) {
  const auto made = plan();

  EXPECT_EQ(made.tree, ContainerPath{"/usr/local/nvidia"});
  EXPECT_THAT(made.directories, ElementsAre(ContainerPath{"/usr/local/nvidia"}));
  EXPECT_THAT(targets(made), Contains("/usr/local/nvidia/lib64/libcuda.so.550.54.14"));
  EXPECT_THAT(targets(made), Contains("/usr/local/nvidia/bin/nvidia-smi"));
  EXPECT_THAT(targets(made), Contains("/dev/nvidia0"));
  EXPECT_THAT(made.mounts, Each(Field(&Mount::makes_point, true)));
  EXPECT_THAT(made.symlinks,
              Contains(Symlink{{"/usr/local/nvidia/lib64/libcuda.so"}, "libcuda.so.1", {}}));
  EXPECT_THAT(made.symlinks,
              Contains(Symlink{{"/usr/bin/nvidia-smi"}, "/usr/local/nvidia/bin/nvidia-smi", {}}));
}

TEST_F(TreeOfAPlan, IsMountedOverADirectoryOfTheImages) {
  found_[kTree] = standing(Standing::Directory);

  const auto made = plan();

  EXPECT_EQ(made.tree, ContainerPath{"/usr/local/nvidia"});
  EXPECT_THAT(made.directories, IsEmpty());
  EXPECT_TRUE(onto(made, "/usr/local/nvidia/bin/nvidia-smi")[0].makes_point);
}

TEST_F(TreeOfAPlan, IsNotMountedOverAMountOfTheContainersOwn) {
  found_[kTree] = standing(Standing::Directory);
  found_[kTree].other_mount = true;

  const auto made = make();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id(), ErrorId::DstForeignMount);
  EXPECT_THAT(made.error().text(),
              AllOf(HasSubstr("\"/usr/local/nvidia\" is a mount of the container's own already"),
                    HasSubstr("layout \"system\"")));
}

TEST_F(TreeOfAPlan, IsNotMountedOverWhatIsNoDirectory) {
  const struct {
    Found found;
    std::string_view says;
  } cases[] = {
      {standing(Standing::File),
       "\"/usr/local/nvidia\" is a file in the image, a directory is due"},
      {link_to("/opt"), "is a symbolic link"},
      {dangling_link_to("nowhere"), "is a symbolic link"},
      {node_of({1, 3}), "is another device"},
      {standing(Standing::Other), "is a special file"},
  };
  for (const auto& test : cases) {
    found_[kTree] = test.found;
    const auto made = make();
    ASSERT_FALSE(made) << test.says;
    EXPECT_EQ(made.error().id(), ErrorId::DstType);
    EXPECT_THAT(made.error().text(), HasSubstr(test.says));
  }
}

TEST_F(TreeOfAPlan, IsNotMadeInAVolumeNorWhereMountsAppearElsewhere) {
  lies({"/usr/local"}, MountKind::Foreign);
  EXPECT_EQ(error(), ErrorId::DstForeignMount);

  lies({"/usr/local"}, MountKind::Rootfs);
  directories_[{"/usr/local"}].shared = true;
  EXPECT_EQ(error(), ErrorId::Propagation);

  directories_[{"/usr/local"}].shared = false;
  directories_[{"/usr/local"}].fixed = true;
  EXPECT_EQ(error(), ErrorId::DstReadOnly);
}

TEST_F(TreeOfAPlan, IsNamedByWhereItsDirectoryReallyIs) {
  directories_[{"/usr/local"}] = {.resolved = {"/opt/local"}, .exists = true};

  const auto made = plan();

  EXPECT_EQ(made.tree, ContainerPath{"/opt/local/nvidia"});
  EXPECT_THAT(made.directories, ElementsAre(ContainerPath{"/opt/local/nvidia"}));
  EXPECT_THAT(targets(made), Contains("/opt/local/nvidia/lib64/libcuda.so.550.54.14"));
  EXPECT_THAT(made.loader.directories, ElementsAre(ContainerPath{"/opt/local/nvidia/lib64"}));
  EXPECT_THAT(made.symlinks,
              Contains(Symlink{{"/opt/local/nvidia/lib64/libcuda.so"}, "libcuda.so.1", {}}));
}

TEST_F(TreeOfAPlan, OfAReadOnlyRootIsOnTheRuntimesDev) {
  root_is_read_only();

  const auto made = plan();

  EXPECT_EQ(made.tree, ContainerPath{"/dev/.nvhook"});
  EXPECT_THAT(targets(made), Contains("/dev/.nvhook/lib64/libcuda.so.550.54.14"));
  EXPECT_THAT(targets(made), Not(Contains(::testing::StartsWith("/usr/"))));
}

TEST_F(TreeOfAPlan, OfAReadOnlyRootNeedsADevThatCanBeWrittenTo) {
  root_is_read_only();
  lies({"/dev"}, MountKind::Rootfs);
  config_.mounts.clear();

  EXPECT_EQ(error(), ErrorId::DstReadOnly);
}

TEST_F(TreeOfAPlan, OfABundleIsOnTheDevThatItsRuntimeWillMake) {
  root_is_read_only();
  container_.pid.reset();
  lies({"/dev"}, MountKind::Rootfs);  // of the image: the runtime covers it
  found_[{{"/dev"}, ".nvhook"}] = standing(Standing::File);

  EXPECT_EQ(plan().tree, ContainerPath{"/dev/.nvhook"});
}

// Directories

TEST_F(TreeOfAPlan, MissingDirectoriesOnTheWayAreMadeFromTheTop) {
  directories_[{"/usr/local"}] = {.resolved = {"/usr/local"}, .exists = false, .missing = 2};

  EXPECT_THAT(plan().directories, ElementsAre(ContainerPath{"/usr"}, ContainerPath{"/usr/local"},
                                              ContainerPath{"/usr/local/nvidia"}));
}

TEST_F(PlanOf, MissingDirectoriesAreMadeFromTheTopAndNamedOnce) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});
  directories_[image_.library_directory] = {
      .resolved = image_.library_directory, .exists = false, .missing = 2};
  directories_[image_.library32_directory] = {
      .resolved = image_.library32_directory, .exists = false, .missing = 2};

  EXPECT_THAT(plan().directories, ElementsAre(ContainerPath{"/usr/lib"}, image_.library_directory,
                                              image_.library32_directory));
}

TEST_F(PlanOf, DirectoriesThatStandAreNotToBeMade) { EXPECT_THAT(plan().directories, IsEmpty()); }

TEST_F(PlanOf, ADevThatTheRuntimeWillMakeIsNotToBeMade) {
  container_.pid.reset();
  directories_[{"/dev"}] = {.resolved = {"/dev"}, .exists = false, .missing = 1};

  EXPECT_THAT(plan().directories, IsEmpty());
}

TEST_F(PlanOf, AMountPointIsMadeWhereNothingStands) {
  found_[library("libcuda.so.550.54.14")] = standing(Standing::File);
  found_[node("nvidia0")] = node_of({195, 0});

  const auto made = plan();

  EXPECT_FALSE(onto(made, kLibraries + "libcuda.so.550.54.14")[0].makes_point);
  EXPECT_FALSE(onto(made, "/dev/nvidia0")[0].makes_point);
  EXPECT_TRUE(onto(made, "/dev/nvidia3")[0].makes_point);
}

// Links to programs

TEST_F(TreeOfAPlan, AProgramOfTheImagesIsCoveredByOurs) {
  found_[program("nvidia-smi")] = standing(Standing::File);

  const auto covering = onto(plan(), "/usr/bin/nvidia-smi");

  ASSERT_EQ(covering.size(), 1U);
  EXPECT_EQ(covering[0].kind, Kind::Binary);
  EXPECT_EQ(covering[0].source.value, "/usr/bin/nvidia-smi");
}

TEST_F(TreeOfAPlan, AReadOnlyRootGetsNoLinksToProgramsWhateverStandsThere) {
  root_is_read_only();
  for (const auto& found : {Found(), dangling_link_to("nowhere"), link_to("elsewhere")}) {
    found_[program("nvidia-smi")] = found;

    const auto made = plan();

    for (const auto& symlink : made.symlinks) EXPECT_NE(symlink.path.value, "/usr/bin/nvidia-smi");
    EXPECT_THAT(warnings(made), ElementsAre(WarningId::ProgramPath));
  }
}

}  // namespace
}  // namespace nvhook::plan
