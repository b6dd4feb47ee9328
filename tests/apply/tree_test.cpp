// SPDX-License-Identifier: Apache-2.0
// The tree of a plan as a mount of its own.
#include "apply/tree.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "apply/placer_in.hpp"

namespace nvhook::apply {
namespace {

namespace fs = std::filesystem;
using mount::Tier;
using ::testing::ElementsAre;

constexpr auto kTree = "/usr/local/nvidia";

std::string in_tree(const std::string& name) { return std::string(kTree) + "/" + name; }

// Kernels that have detached mounts: others build no tree.
class TreeIn : public PlacerIn {
 protected:
  void SetUp() override {
    PlacerIn::SetUp();
    put_tree_at(kTree);
  }

  void put_tree_at(const std::string& at) {
    plan_ = {};
    plan_.tree = tree_ = ContainerPath{at};
    for (const auto* target : {"/lib64/libcuda.so.550", "/bin/nvidia-smi"})
      plan_.mounts.emplace_back().target = {at + target};
    plan_.mounts.emplace_back().target = {"/dev/nvidia0"};
    plan_.symlinks = {{{at + "/lib64/libcuda.so.1"}, "libcuda.so.550", std::nullopt},
                      {{"/usr/bin/nvidia-smi"}, at + "/bin/nvidia-smi", std::nullopt}};
  }

  Result<void> place_tree() {
    auto tree = build_tree(plan_, GetParam());
    if (!tree) return std::unexpected(std::move(tree).error());
    EXPECT_TRUE(*tree);
    return placer().place_tree(std::move(**tree), *plan_.tree);
  }

  [[nodiscard]] std::vector<std::string> names_below(const std::string& at) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(path(at)))
      names.push_back(entry.path().lexically_relative(path(at)).string());
    std::ranges::sort(names);
    return names;
  }

  [[nodiscard]] int error_of_making(const std::string& at) const {
    return ::mknod(path(at).c_str(), S_IFREG | 0600, 0) == 0 ? 0 : errno;
  }

  plan::Plan plan_;
};

TEST_P(TreeIn, HasThePlansNamesBelowItAndNoOthers) {
  root_.directory("/usr/local");

  const auto done = place_tree();

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(names_below(kTree), ElementsAre("bin", "bin/nvidia-smi", "lib64",
                                              "lib64/libcuda.so.1", "lib64/libcuda.so.550"));
  EXPECT_EQ(mode(kTree), S_IFDIR | 0755U);
  EXPECT_EQ(mode(in_tree("lib64")), S_IFDIR | 0755U);
  EXPECT_EQ(mode(in_tree("lib64/libcuda.so.550")), S_IFREG | 0444U);
  EXPECT_EQ(fs::read_symlink(path(in_tree("lib64/libcuda.so.1"))), "libcuda.so.550");
  EXPECT_FALSE(fs::exists(path("/usr/bin")));
}

TEST_P(TreeIn, CannotBeWrittenTo) {
  root_.directory("/usr/local");
  ASSERT_TRUE(place_tree());

  EXPECT_EQ(error_of_making(in_tree("new")), EROFS);
  EXPECT_EQ(error_of_making(in_tree("lib64/new")), EROFS);
  EXPECT_EQ(::unlink(path(in_tree("lib64/libcuda.so.1")).c_str()), -1);
}

TEST_P(TreeIn, IsSeenByNobodyBeforeItIsPlaced) {
  const auto before = mountinfo();

  const auto tree = build_tree(plan_, GetParam());

  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(mountinfo(), before);
}

TEST_P(TreeIn, GoesWithTheDirectoryThatWasMadeForIt) {
  root_.directory("/usr");
  const auto before = snapshot();

  ASSERT_TRUE(place_tree());

  EXPECT_TRUE(placer().verify());
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(TreeIn, CoversADirectoryOfTheImagesUntilItGoes) {
  root_.file(in_tree("lib64/theirs"), "theirs");
  const auto before = snapshot();

  ASSERT_TRUE(place_tree());

  EXPECT_FALSE(fs::exists(path(in_tree("lib64/theirs"))));
  EXPECT_TRUE(fs::exists(path(in_tree("bin/nvidia-smi"))));
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(TreeIn, GetsTheLibrariesMountedInIt) {
  root_.directory("/usr/local");
  ASSERT_TRUE(place_tree());

  const auto done = place_mount(in_tree("lib64/libcuda.so.550"));

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(content(in_tree("lib64/libcuda.so.1")), "ours");
  EXPECT_TRUE(placer().verify());
  undo_.roll_back();
  EXPECT_FALSE(fs::exists(path(kTree)));
}

TEST_P(TreeIn, IsMissedWhenItIsTakenAway) {
  root_.directory("/usr/local");
  ASSERT_TRUE(place_tree());

  ASSERT_EQ(::umount2(path(kTree).c_str(), MNT_DETACH), 0);

  EXPECT_EQ(placer().verify().error().id(), ErrorId::Race);
}

TEST_P(TreeIn, IsNotPlacedOverAVolume) {
  root_.directory(kTree);
  mount_tmpfs(kTree);
  const auto before = snapshot();

  EXPECT_EQ(place_tree().error().id(), ErrorId::DstForeignMount);
  EXPECT_EQ(snapshot(), before);
}

TEST_P(TreeIn, IsNotPlacedOverWhatIsNoDirectory) {
  test::FakeRoot outside;
  root_.file(kTree, "theirs");
  EXPECT_EQ(place_tree().error().id(), ErrorId::DstResolve);

  fs::remove(path(kTree));
  root_.symlink(kTree, outside.on_disk().string());
  const auto before = snapshot();
  EXPECT_EQ(place_tree().error().id(), ErrorId::Race);
  EXPECT_EQ(snapshot(), before);
}

TEST_P(TreeIn, MayBeInTheRuntimesDev) {
  root_.directory("/dev");
  mount_tmpfs("/dev");
  put_tree_at("/dev/.nvhook");
  placer();
  rootfs_.dev_mount_id = *container::mount_id_of(open_directory("/dev").get());

  const auto done = place_tree();

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(place_mount("/dev/.nvhook/bin/nvidia-smi"));
  EXPECT_EQ(content("/dev/.nvhook/bin/nvidia-smi"), "ours");
}

TEST_P(TreeIn, HasTheLoadersFileThatIsToBeMounted) {
  root_.file("/etc/ld.so.cache", "theirs").directory("/usr/local");
  plan_.loader.action = plan::CacheAction::Bind;
  plan_.loader.bytes = "merged";
  const auto before = snapshot();
  ASSERT_TRUE(place_tree());
  const auto name = in_tree(kLoaderFileInTree);
  EXPECT_EQ(content(name), "merged");
  EXPECT_EQ(mode(name), S_IFREG | 0644U);

  auto held = placer().hold_file(*plan_.tree, kLoaderFileInTree);
  ASSERT_TRUE(held) << held.error().text();
  const auto done = placer().place_mount(std::move(*held), {"/etc/ld.so.cache"});

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(content("/etc/ld.so.cache"), "merged");
  const UniqueFd file(::open(path("/etc/ld.so.cache").c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(file);
  undo_.roll_back();
  EXPECT_EQ(snapshot(), before);
}

TEST_P(TreeIn, HasNoLoadersFileThatIsExchanged) {
  root_.directory("/usr/local");
  plan_.loader.action = plan::CacheAction::Merge;
  plan_.loader.bytes = "merged";

  ASSERT_TRUE(place_tree());

  EXPECT_FALSE(fs::exists(path(in_tree(kLoaderFileInTree))));
}

TEST_P(TreeIn, IsNoPlaceForMoreThanALoadersFile) {
  plan_.loader.action = plan::CacheAction::Bind;
  plan_.loader.bytes = std::string(std::size_t{16} << 20U, 'x');

  const auto tree = build_tree(plan_, GetParam());

  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().id(), ErrorId::NoSpace);
}

TEST_P(TreeIn, IsBuiltWhereThereIsOneAndTheKernelCan) {
  auto none = build_tree(plan_, Tier::Classic);
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_FALSE(*none);

  plan_.tree.reset();
  none = build_tree(plan_, GetParam());
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_FALSE(*none);
}

TEST_P(TreeIn, HasWhatIsBelowIt) {
  EXPECT_TRUE(is_in_tree(plan_, {"/usr/local/nvidia/lib64"}));
  EXPECT_FALSE(is_in_tree(plan_, {"/usr/local/nvidia"}));
  EXPECT_FALSE(is_in_tree(plan_, {"/usr/local/nvidia-other/lib64"}));
  EXPECT_FALSE(is_in_tree({}, {"/usr/local/nvidia/lib64"}));
}

INSTANTIATE_TEST_SUITE_P(OnNewKernels, TreeIn, ::testing::Values(Tier::Detached),
                         [](const auto& each) { return test::name_of(each.param); });

}  // namespace
}  // namespace nvhook::apply
