// SPDX-License-Identifier: Apache-2.0
// Rows V-02 to V-04 of docs/companion/volumes.md, and what may go wrong without anybody's ill will.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "nvhook/base/unique_fd.hpp"
#include "nvhook/volumes/store.hpp"
#include "support/child.hpp"
#include "volumes/store_fixture.hpp"

namespace nvhook::volumes {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainerEq;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using StoreUnderAttack = test::StoreFixture;

TEST_F(StoreUnderAttack, V02_SerialisesAStormOfCalls) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 12;
  std::atomic<int> failures = 0;
  std::atomic<int> halves = 0;
  const auto storm = [&](int seed) {
    const auto volumes = store();
    const auto what = std::to_string(seed);
    for (int round = 0; round < kRounds; ++round) {
      if (!volumes.create(contents())) ++failures;
      // Whoever finds the volume finds all of it, or sees it go.
      const auto before = volume_files();
      if (!before.empty() && before != all_files() && volume_files() == before) ++halves;
      if (!volumes.mount(version(), what) && volumes.has(version()).value_or(true)) ++failures;
      (void)volumes.remove(version());  // refused while others have it
      if (!volumes.unmount(version(), what)) ++failures;
      (void)volumes.remove(version());
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(storm, i);
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(halves, 0);
  EXPECT_EQ(store().mounts_of(version()).value(), 0U);
  EXPECT_EQ(told(store().remove(version())), "removed");
  EXPECT_THAT(remains(), IsEmpty());
}

TEST_F(StoreUnderAttack, V02_RefusesToRemoveWhatIsInUse) {
  const auto volumes = store();
  ASSERT_EQ(told(volumes.create(contents())), "made");
  ASSERT_TRUE(volumes.mount(version(), "a"));

  const auto removed = volumes.remove(version());

  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), std::errc::device_or_resource_busy);
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  ASSERT_TRUE(volumes.unmount(version(), "a"));
  EXPECT_EQ(told(volumes.remove(version())), "removed");
}

TEST_F(StoreUnderAttack, V02_RefusesToRemoveWhatItHasNotMade) {
  put("/store/nvidia_driver/352.39/lib64/libcuda.so.352.39", "another's");

  const auto removed = store().remove(version("352.39"));

  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), std::errc::operation_not_permitted);
  EXPECT_EQ(content_of(path("/store/nvidia_driver/352.39/lib64/libcuda.so.352.39")), "another's");
}

TEST_F(StoreUnderAttack, V03_RefusesAStoreThatOthersCanChange) {
  const auto said = [this] { return error_of(Store::open(options())); };
  top_.directory("/store");
  for (const unsigned mode : {0775U, 0757U, 0777U, 01777U}) {
    fs::permissions(path("/store"), fs::perms{mode});
    EXPECT_THAT(said(), AllOf(StartsWith("E_STORE: "), HasSubstr("can be changed by others")));
  }
  fs::permissions(path("/store"), fs::perms{0755});
  EXPECT_EQ(said(), "none");

  // What lies in it, and what it lies in.
  for (const auto* inside : {"/store/nvidia_driver", "/store/.nvhook", "/"}) {
    top_.directory("/store/nvidia_driver").directory("/store/.nvhook");
    const auto before = fs::status(path(inside)).permissions();
    fs::permissions(path(inside), fs::perms{0777});
    EXPECT_THAT(said(), HasSubstr("can be changed by others")) << inside;
    fs::permissions(path(inside), before);
  }
  EXPECT_EQ(said(), "none");
}

TEST_F(StoreUnderAttack, V03_RefusesLinksInItsPlace) {
  const auto said = [this] { return error_of(Store::open(options())); };
  top_.directory("/elsewhere");
  top_.symlink("/store", "elsewhere");
  EXPECT_THAT(said(), AllOf(StartsWith("E_STORE: "), HasSubstr("is a link")));
  fs::remove(path("/store"));
  for (const auto* inside : {"/store/nvidia_driver", "/store/.nvhook"}) {
    top_.directory("/store");
    top_.symlink(inside, path("/elsewhere"));
    EXPECT_THAT(said(), StartsWith("E_STORE: ")) << inside;
    fs::remove(path(inside));
    const auto volumes = store();
    top_.symlink(inside, path("/elsewhere"));  // later
    EXPECT_THAT(told(volumes.create(contents())), StartsWith("E_STORE: ")) << inside;
    fs::remove(path(inside));
  }
  EXPECT_TRUE(fs::is_empty(path("/elsewhere")));
}

TEST_F(StoreUnderAttack, V03_RefusesAnotherUsersStore) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: chown(2)";
  top_.directory("/store");
  ASSERT_EQ(::chown(path("/store").c_str(), 1000, 0), 0);

  EXPECT_THAT(error_of(Store::open(options())), HasSubstr("can be changed by others"));
  ASSERT_EQ(::chown(path("/store").c_str(), 0, 0), 0);
  top_.directory("/theirs/store");
  ASSERT_EQ(::chown(path("/theirs").c_str(), 1000, 0), 0);
  auto below = options();
  below.path = path("/theirs/store");
  EXPECT_THAT(error_of(Store::open(below)), HasSubstr("belongs to another user"));
}

// The original's volumes belong to its user: who is left only a folder can put anything there.
TEST_F(StoreUnderAttack, V03_TakesNoVolumeThatAnotherUserCanChange) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: chown(2)";
  auto only_copies = options();
  only_copies.links = false;
  const auto copying = opened(only_copies);
  ASSERT_EQ(told(copying.create(contents())), "made");
  for (const auto* inside : {"", "/lib64", "/lib64/libcuda.so.361.48"}) {
    const auto at = path("/store/nvidia_driver/361.48") + inside;
    ASSERT_EQ(::chown(at.c_str(), 1000, 0), 0);

    EXPECT_EQ(told(copying.create(contents())), "renewed") << inside;
    EXPECT_EQ(status_of(at).st_uid, 0U) << inside;
  }
}

TEST_F(StoreUnderAttack, V04_UnlinksNothingButWhatItHasMade) {
  ASSERT_EQ(told(store().create(contents())), "made");
  const auto volume = path("/store/nvidia_driver/361.48");
  put("/outside/precious", "x");
  fs::create_directory_symlink(path("/outside"), volume + "/lib64/outside");
  fs::create_hard_link(path("/outside/precious"), volume + "/lib64/hard");
  fs::create_directory(volume + "/lib64/directory");
  fs::remove(volume + "/lib64/libcuda.so.1");
  put("/store/nvidia_driver/361.48/lib64/libcuda.so.1/deep", "a directory of a name of ours");
  fs::remove_all(volume + "/lib");
  fs::create_directory_symlink(path("/outside"), volume + "/lib");

  const auto removed = store().remove(version());

  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_THAT(*removed, StartsWith("left-361.48-"));
  EXPECT_FALSE(store().has(version()).value());
  EXPECT_EQ(content_of(path("/outside/precious")), "x");
  EXPECT_THAT(files_in(path("/store/.nvhook/" + *removed)),
              ElementsAre("lib -> " + path("/outside"), "lib64/hard", "lib64/libcuda.so.1/deep",
                          "lib64/outside -> " + path("/outside")));
  // Nobody touches it later either.
  EXPECT_EQ(told(store().create(contents())), "made");
  EXPECT_EQ(told(store().remove(version())), "removed");
  EXPECT_THAT(remains(), ElementsAre(*removed));
}

TEST_F(StoreUnderAttack, TakesNoFileThatOthersCanChange) {
  const auto said = [this] { return told(store().create(contents())); };
  fs::permissions(path("/driver/libcuda.so.361.48"), fs::perms{0666});
  EXPECT_THAT(said(), StartsWith("E_SRC_TRUST: "));
  fs::permissions(path("/driver/libcuda.so.361.48"), fs::perms{0644});
  fs::permissions(path("/driver"), fs::perms{0777});
  EXPECT_THAT(said(), StartsWith("E_SRC_TRUST: "));
  fs::permissions(path("/driver"), fs::perms{0755});
  EXPECT_EQ(said(), "made");
}

// An ld.so.cache, of a driver in a container, say, may have any names.
TEST_F(StoreUnderAttack, MakesNothingOfNamesThatLeadElsewhere) {
  for (const auto* name : {"../../escaped", "..", "", "a/b", "a\nb"}) {
    auto linked = contents();
    linked.files.back().links = {name};
    EXPECT_THAT(told(store().create(linked)), StartsWith("E_STORE: ")) << name;
    auto named = contents();
    named.files.back().name = name;
    EXPECT_THAT(told(store().create(named)), StartsWith("E_STORE: ")) << name;
  }
  EXPECT_FALSE(fs::exists(path("/store")));
}

TEST_F(StoreUnderAttack, MakesNothingOfADriverThatIsNotThere) {
  const auto said = [this] { return told(store().create(contents())); };
  fs::remove(path("/driver/libcuda.so.361.48"));
  EXPECT_THAT(said(), AllOf(StartsWith("E_SRC_CHANGED: "), HasSubstr("libcuda.so.361.48"),
                            HasSubstr("No such file or directory")));
  fs::create_symlink("/etc/passwd", path("/driver/libcuda.so.361.48"));
  EXPECT_THAT(said(), StartsWith("E_SRC_CHANGED: "));
  fs::remove(path("/driver/libcuda.so.361.48"));
  ASSERT_EQ(::mkfifo(path("/driver/libcuda.so.361.48").c_str(), 0644), 0);
  EXPECT_THAT(said(), StartsWith("E_SRC_CHANGED: "));
  EXPECT_FALSE(store().has(version()).value());
}

TEST_F(StoreUnderAttack, WaitsForAnotherProcessButNotForEver) {
  ASSERT_EQ(told(store().create(contents())), "made");
  auto impatient = options();
  impatient.patience = std::chrono::milliseconds(50);
  const auto volumes = opened(impatient);
  UniqueFd held(::open(path("/store/.nvhook/lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);

  // What is there already needs nobody's leave.
  EXPECT_EQ(told(volumes.create(contents())), "kept");
  EXPECT_TRUE(volumes.has(version()).value());
  EXPECT_TRUE(Store::open(impatient));
  EXPECT_THAT(told(volumes.remove(version())), HasSubstr("another process is at work"));
  EXPECT_THAT(told(volumes.create(contents("370.1"))), HasSubstr("another process is at work"));

  std::thread patient([&] { EXPECT_EQ(told(store().create(contents("370.1"))), "made"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  held = UniqueFd();
  patient.join();
}

// It was there when Docker asked, and went while another process was at work.
TEST_F(StoreUnderAttack, V02_NotesNoMountOfAVolumeThatIsGone) {
  const auto volumes = store();
  ASSERT_EQ(told(volumes.create(contents())), "made");
  UniqueFd held(::open(path("/store/.nvhook/lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);

  std::thread mounting(
      [&] { EXPECT_THAT(error_of(volumes.mount(version(), "a")), HasSubstr("No such file")); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  fs::rename(path("/store/nvidia_driver/361.48"), path("/store/.nvhook/new-361.48"));
  held = UniqueFd();
  mounting.join();

  EXPECT_EQ(volumes.mounts_of(version()).value(), 0U);
}

// Whoever has put it there.
TEST_F(StoreUnderAttack, IsNotStoppedByWhatLiesInItsOwnDirectory) {
  put("/store/.nvhook/.hidden/file", "theirs");
  put("/store/.nvhook/new-361.48/lib64/deep/file", "theirs");
  put("/store/.nvhook/new-370.1", "theirs");

  EXPECT_EQ(told(store().create(contents())), "made");
  EXPECT_EQ(told(store().create(contents("370.1"))), "made");

  EXPECT_THAT(remains(),
              ElementsAre(".hidden", StartsWith("left-361.48-"), StartsWith("left-370.1-")));
  EXPECT_EQ(content_of(path("/store/.nvhook/.hidden/file")), "theirs");
  EXPECT_EQ(content_of(path("/store/.nvhook/" + remains()[1] + "/lib64/deep/file")), "theirs");
  EXPECT_EQ(content_of(path("/store/.nvhook/" + remains()[2])), "theirs");
}

// No file may grow beyond that: as a disk that is full, or a quota.
TEST_F(StoreUnderAttack, LeavesNothingWhereACopyDoesNotFit) {
  put("/driver/libcuda.so.361.48", std::string(std::size_t{1} << 20U, 'x'));
  auto only_copies = options();
  only_copies.links = false;
  const auto said = test::said_by_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 4096, .rlim_max = 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return told(opened(only_copies).create(contents()));
  });

  if (said == "made") GTEST_SKIP() << "a file system that clones: nothing is written";
  EXPECT_THAT(
      said, AllOf(StartsWith("E_STORE: write \"libcuda.so.361.48\""), HasSubstr("File too large")));
  EXPECT_FALSE(store().has(version()).value());
  EXPECT_THAT(remains(), IsEmpty());
}

}  // namespace
}  // namespace nvhook::volumes
