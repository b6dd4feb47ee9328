// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/store.hpp"

#include <fcntl.h>

#include <array>
#include <chrono>

#include "volumes/store_fixture.hpp"

namespace nvhook::volumes {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainerEq;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using VolumeStore = test::StoreFixture;

std::vector<std::string> texts(const Result<std::vector<Version>>& versions) {
  std::vector<std::string> all;
  if (!versions) return {versions.error().text()};
  for (const auto& version : *versions) all.push_back(version.text());
  return all;
}

TEST_F(VolumeStore, IsMadeWhenItIsFirstNeeded) {
  const auto volumes = store();

  EXPECT_FALSE(fs::exists(path("/store")));
  EXPECT_FALSE(volumes.has(version()).value());
  EXPECT_THAT(texts(volumes.versions()), IsEmpty());
  EXPECT_EQ(told(volumes.remove(version())), "removed");
  EXPECT_TRUE(volumes.unmount(version(), "a"));
  EXPECT_EQ(volumes.mounts_of(version()).value(), 0U);
  EXPECT_TRUE(volumes.prune(version()));
  EXPECT_FALSE(fs::exists(path("/store")));
}

TEST_F(VolumeStore, MakesAVolumeOfHardLinks) {
  const auto created = store().create(contents());

  EXPECT_EQ(told(created), "made");
  EXPECT_EQ(created->linked, 4U);
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  const auto file = path("/store/nvidia_driver/361.48/lib64/libcuda.so.361.48");
  EXPECT_EQ(status_of(file).st_ino, status_of(path("/driver/libcuda.so.361.48")).st_ino);
  EXPECT_EQ(status_of(file).st_nlink, 2U);
  EXPECT_THAT(remains(), IsEmpty());
  EXPECT_TRUE(store().has(version()).value());
  EXPECT_THAT(texts(store().versions()), ElementsAre("361.48"));
}

TEST_F(VolumeStore, MakesFoldersThatEverybodyCanReadWhateverTheUmask) {
  ::umask(077);
  EXPECT_EQ(told(store().create(contents())), "made");
  ::umask(022);

  for (const auto* folder : {"", "/bin", "/lib", "/lib64"})
    EXPECT_EQ(status_of(path("/store/nvidia_driver/361.48") + folder).st_mode & 07777U, 0755U);
  EXPECT_EQ(status_of(path("/store/nvidia_driver")).st_mode & 07777U, 0755U);
  EXPECT_EQ(status_of(path("/store")).st_mode & 07777U, 0755U);
  EXPECT_EQ(status_of(path("/store/.nvhook")).st_mode & 07777U, 0700U);
}

TEST_F(VolumeStore, CopiesWithModeAndTimesWhereItMayNotLink) {
  put("/driver/nvidia-smi", "a program", 04755);
  auto only_copies = options();
  only_copies.links = false;
  const auto copying = opened(only_copies);

  const auto created = copying.create(contents());

  EXPECT_EQ(told(created), "made");
  EXPECT_EQ(created->linked, 0U);
  EXPECT_EQ(created->cloned + created->copied, 4U);
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  const auto theirs = status_of(path("/driver/nvidia-smi"));
  const auto ours = status_of(path("/store/nvidia_driver/361.48/bin/nvidia-smi"));
  EXPECT_NE(ours.st_ino, theirs.st_ino);
  EXPECT_EQ(ours.st_mode & 07777U, 0755U);
  EXPECT_EQ(ours.st_mtim.tv_sec, theirs.st_mtim.tv_sec);
  EXPECT_EQ(ours.st_mtim.tv_nsec, theirs.st_mtim.tv_nsec);
  EXPECT_EQ(content_of(path("/store/nvidia_driver/361.48/bin/nvidia-smi")), "a program");
  EXPECT_EQ(told(copying.create(contents())), "kept");
}

// ext4 with inodes of 128 bytes, and others, have no parts of a second.
TEST_F(VolumeStore, KeepsCopiesOnAFileSystemOfCoarserTimes) {
  auto only_copies = options();
  only_copies.links = false;
  const auto copying = opened(only_copies);
  ASSERT_EQ(told(copying.create(contents())), "made");
  const auto copy = path("/store/nvidia_driver/361.48/bin/nvidia-smi");
  const auto seconds = status_of(copy).st_mtim.tv_sec;
  const auto set_time = [&](time_t second, long nanoseconds) {
    const std::array<timespec, 2> times = {timespec{second, nanoseconds},
                                           timespec{second, nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, copy.c_str(), times.data(), 0), 0);
  };

  set_time(seconds, 0);
  EXPECT_EQ(told(copying.create(contents())), "kept");
  set_time(seconds - 1, 0);
  EXPECT_EQ(told(copying.create(contents())), "renewed");
}

TEST_F(VolumeStore, KeepsAVolumeThatIsAsTheDriver) {
  ASSERT_EQ(told(store().create(contents())), "made");
  const auto before = status_of(path("/store/nvidia_driver/361.48"));

  EXPECT_EQ(told(store().create(contents())), "kept");

  const auto after = status_of(path("/store/nvidia_driver/361.48"));
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
}

// What can have become of a volume, or of the driver, since it was made.
TEST_F(VolumeStore, RenewsAVolumeThatDiffersFromTheDriver) {
  const std::string volume = "/store/nvidia_driver/361.48";
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"reinstalled",
       [&] {
         fs::remove(path("/driver/libcuda.so.361.48"));
         put("/driver/libcuda.so.361.48", "CUDA");
       }},
      {"a file gone", [&] { fs::remove(path(volume + "/lib64/libcuda.so.361.48")); }},
      {"a file replaced",
       [&] {
         fs::remove(path(volume + "/lib64/libcuda.so.361.48"));
         put(volume + "/lib64/libcuda.so.361.48", "CUDA");
       }},
      {"a link gone", [&] { fs::remove(path(volume + "/lib64/libcuda.so.1")); }},
      {"a link turned",
       [&] {
         fs::remove(path(volume + "/lib64/libcuda.so.1"));
         fs::create_symlink("/etc/passwd", path(volume + "/lib64/libcuda.so.1"));
       }},
      {"a folder gone", [&] { fs::remove_all(path(volume + "/lib")); }},
      {"all gone",
       [&] {
         fs::remove_all(path(volume + "/lib"));
         fs::remove_all(path(volume + "/lib64"));
         fs::remove_all(path(volume + "/bin"));
       }},
      {"a folder that nobody can read",
       [&] { fs::permissions(path(volume + "/lib64"), fs::perms{0700}); }},
      {"a folder that all can change", [&] { fs::permissions(path(volume), fs::perms{0777}); }},
      {"the mode changed", [&] { fs::permissions(path("/driver/nvidia-smi"), fs::perms{0700}); }},
  };
  ASSERT_EQ(told(store().create(contents())), "made");
  for (const auto& [what, change] : changes) {
    change();

    EXPECT_EQ(told(store().create(contents())), "renewed") << what;
    EXPECT_THAT(volume_files(), ContainerEq(all_files())) << what;
    EXPECT_EQ(status_of(path(volume + "/lib64/libcuda.so.361.48")).st_ino,
              status_of(path("/driver/libcuda.so.361.48")).st_ino)
        << what;
    EXPECT_EQ(told(store().create(contents())), "kept") << what;
    EXPECT_THAT(remains(), IsEmpty()) << what;
  }
}

TEST_F(VolumeStore, RenewsAVolumeThatHasMoreInIt) {
  for (const auto* more : {"/file", "/lib64/file"}) {
    ASSERT_THAT(told(store().create(contents())), ::testing::AnyOf("made", "kept"));
    put(std::string("/store/nvidia_driver/361.48") + more, "theirs");

    EXPECT_EQ(told(store().create(contents())), "renewed") << more;
    EXPECT_THAT(volume_files(), ContainerEq(all_files())) << more;
    ASSERT_THAT(remains(), ElementsAre(StartsWith("left-361.48-")));
    EXPECT_THAT(files_in(path("/store/.nvhook/" + remains().front())),
                ElementsAre(std::string(more).substr(1)));
    fs::remove_all(path("/store/.nvhook/" + remains().front()));
  }
}

// Links share the driver's SELinux label, which is why somebody wants copies.
TEST_F(VolumeStore, RenewsAVolumeOfLinksWhereItMayNotLinkAnyMore) {
  ASSERT_EQ(told(store().create(contents())), "made");
  auto only_copies = options();
  only_copies.links = false;
  const auto copying = opened(only_copies);

  EXPECT_EQ(told(copying.create(contents())), "renewed");

  EXPECT_EQ(status_of(path("/store/nvidia_driver/361.48/bin/nvidia-smi")).st_nlink, 1U);
  EXPECT_EQ(told(copying.create(contents())), "kept");
  EXPECT_EQ(told(store().create(contents())), "kept");  // copies do for whoever may link, too
}

TEST_F(VolumeStore, RenewsAVolumeOfOtherContents) {
  auto fewer = contents();
  fewer.files.pop_back();
  ASSERT_EQ(told(store().create(fewer)), "made");

  EXPECT_EQ(told(store().create(contents())), "renewed");
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
}

// An old one may have what a running container needs.
TEST_F(VolumeStore, KeepsARenewedVolumesFormerFilesForItsUsers) {
  const auto volumes = store();
  ASSERT_EQ(told(volumes.create(contents())), "made");
  ASSERT_TRUE(volumes.mount(version(), "container"));
  const auto former = status_of(path("/store/nvidia_driver/361.48")).st_ino;
  fs::remove(path("/driver/libcuda.so.361.48"));
  put("/driver/libcuda.so.361.48", "CUDA");

  ASSERT_EQ(told(volumes.create(contents())), "renewed");

  const auto old = "old-361.48-" + std::to_string(former);
  EXPECT_THAT(remains(), ElementsAre(old));
  EXPECT_THAT(files_in(path("/store/.nvhook/" + old)), ContainerEq(all_files()));
  EXPECT_EQ(content_of(path("/store/.nvhook/" + old + "/lib64/libcuda.so.1")), "cuda");
  ASSERT_TRUE(volumes.unmount(version(), "container"));
  EXPECT_THAT(remains(), IsEmpty());
}

TEST_F(VolumeStore, AdoptsAVolumeThatSomebodyElseHasMadeTheSame) {
  const auto volume = path("/store/nvidia_driver/361.48");
  for (const auto& file : contents().files) {
    const auto folder = fs::path(volume) / name_of(file.folder);
    fs::create_directories(folder);
    fs::create_hard_link(file.source.value, folder / file.name);
    for (const auto& link : file.links) fs::create_symlink(file.name, folder / link);
  }
  const auto before = status_of(volume).st_ino;

  EXPECT_EQ(told(store().create(contents())), "kept");

  EXPECT_EQ(status_of(volume).st_ino, before);
  EXPECT_EQ(told(store().remove(version())), "removed");
  EXPECT_FALSE(fs::exists(volume));
}

TEST_F(VolumeStore, PutsAsideWhatSomebodyElseHasPutInAVolumesPlace) {
  put("/store/nvidia_driver/361.48/lib64/precious", "theirs");

  EXPECT_EQ(told(store().create(contents())), "renewed");

  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  ASSERT_THAT(remains(), ElementsAre(StartsWith("left-361.48-")));
  EXPECT_EQ(content_of(path("/store/.nvhook/" + remains().front() + "/lib64/precious")), "theirs");
}

TEST_F(VolumeStore, PutsAFileAsideThatStandsInAVolumesPlace) {
  put("/store/nvidia_driver/361.48", "a file");

  EXPECT_FALSE(store().has(version()).value());
  EXPECT_EQ(told(store().create(contents())), "renewed");
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  ASSERT_THAT(remains(), ElementsAre(StartsWith("left-361.48-")));
}

TEST_F(VolumeStore, ListsDirectoriesThatAreNamedByVersions) {
  for (const auto* name : {"352.39", "550.54.14", "stray", "..x", "1..2", ".1"})
    top_.directory(std::string("/store/nvidia_driver/") + name);
  put("/store/nvidia_driver/470.57", "a file");
  top_.symlink("/store/nvidia_driver/480.1", "/");

  EXPECT_THAT(texts(store().versions()), ElementsAre("352.39", "550.54.14"));
  EXPECT_TRUE(store().has(version("352.39")).value());
  EXPECT_FALSE(store().has(version("470.57")).value());
  EXPECT_FALSE(store().has(version("480.1")).value());
}

TEST_F(VolumeStore, RemovesAVolume) {
  ASSERT_EQ(told(store().create(contents())), "made");

  EXPECT_EQ(told(store().remove(version())), "removed");

  EXPECT_FALSE(fs::exists(path("/store/nvidia_driver/361.48")));
  EXPECT_THAT(files_in(path("/store")), ElementsAre(".nvhook/lock"));
  EXPECT_EQ(content_of(path("/driver/libcuda.so.361.48")), "cuda");
  EXPECT_EQ(told(store().create(contents())), "made");
}

TEST_F(VolumeStore, CountsMounts) {
  const auto volumes = store();
  ASSERT_EQ(told(volumes.create(contents())), "made");

  EXPECT_TRUE(volumes.mount(version(), "a"));
  EXPECT_TRUE(volumes.mount(version(), "a"));
  EXPECT_TRUE(volumes.mount(version(), "b"));
  EXPECT_EQ(store().mounts_of(version()).value(), 2U);
  EXPECT_TRUE(volumes.unmount(version(), "a"));
  EXPECT_TRUE(volumes.unmount(version(), "c"));
  EXPECT_EQ(store().mounts_of(version()).value(), 1U);
  EXPECT_THAT(error_of(volumes.mount(version("1.2"), "a")), HasSubstr("No such file"));
}

TEST_F(VolumeStore, PrunesWhatNobodyUses) {
  const auto volumes = store();
  for (const auto* each : {"352.39", "361.48", "370.1", "375.2"})
    ASSERT_EQ(told(volumes.create(contents(each))), "made");
  ASSERT_TRUE(volumes.mount(version("370.1"), "container"));
  top_.directory("/store/nvidia_driver/340.1/lib64");

  const auto pruned = volumes.prune(version("375.2"));

  ASSERT_TRUE(pruned) << pruned.error().text();
  EXPECT_THAT(pruned->removed, ElementsAre("352.39", "361.48"));
  ASSERT_EQ(pruned->left.size(), 2U);
  EXPECT_EQ(pruned->left[0].version, "340.1");
  EXPECT_THAT(pruned->left[0].reason, HasSubstr("not made by nvhook"));
  EXPECT_EQ(pruned->left[1].version, "370.1");
  EXPECT_THAT(pruned->left[1].reason, HasSubstr("1 mounts"));
  EXPECT_THAT(texts(volumes.versions()), ElementsAre("340.1", "370.1", "375.2"));
}

TEST_F(VolumeStore, SaysWhereAVolumeIsByACleanPath) {
  auto unclean = options();
  unclean.path = path("/x/..//./store/");
  const auto volumes = opened(unclean);

  EXPECT_EQ(volumes.mountpoint_of(version()), path("/store/nvidia_driver/361.48"));
  ASSERT_EQ(told(volumes.create(contents())), "made");
  EXPECT_TRUE(fs::is_directory(path("/store/nvidia_driver/361.48")));
  for (const auto* bad : {"", "store", "./store", "/", "//", "/.."})
    EXPECT_THAT(error_of(Store::open({.path = bad})), StartsWith("E_STORE: ")) << bad;
}

// At start, and before anything new is made.
TEST_F(VolumeStore, TakesAwayWhatWasNotFinished) {
  ASSERT_EQ(told(store().create(contents())), "made");
  const auto litter = [this] {
    put("/store/.nvhook/new-361.48/lib64/libcuda.so.361.48", "half");
    put("/store/.nvhook/.files-361.48-1", "half");
    put("/store/.nvhook/files-352.39-12345", "of no folder");
    top_.directory("/store/.nvhook/new-352.39");
  };
  litter();

  EXPECT_THAT(texts(store().versions()), ElementsAre("361.48"));
  EXPECT_THAT(remains(), IsEmpty());

  const auto volumes = store();
  litter();
  EXPECT_EQ(told(volumes.create(contents("370.1"))), "made");
  EXPECT_THAT(remains(), IsEmpty());
  EXPECT_THAT(texts(volumes.versions()), ElementsAre("361.48", "370.1"));
}

}  // namespace
}  // namespace nvhook::volumes
