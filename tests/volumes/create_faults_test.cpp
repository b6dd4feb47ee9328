// SPDX-License-Identifier: Apache-2.0
// Wherever a process that makes a volume is killed, and whatever call of the kernel fails: there is
// the volume, the one before it, or none. Never a part of one.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <set>

#include "support/launch.hpp"
#include "support/sanitized.hpp"
#include "volumes/store_fixture.hpp"

namespace nvhook::volumes {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainerEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

enum class Scene { Fresh, Renewal, Copy };

const auto kScenes = ::testing::Values(Scene::Fresh, Scene::Renewal, Scene::Copy);

std::string name_of(const ::testing::TestParamInfo<Scene>& scene) {
  constexpr std::array kNames = {"Fresh", "Renewal", "Copy"};
  return kNames[static_cast<std::size_t>(scene.param)];
}

// Every call is tried with NVHOOK_ATTACK_FULL=1 in the environment of the test program; killed are
// processes at every call anyway, but in a sanitized build, where each takes five times as long.
bool full() { return std::getenv("NVHOOK_ATTACK_FULL") != nullptr; }
bool kills_at_every_call() { return full() || !test::kSanitized; }

bool changes_something(const test::WatchedCall& call) {
  switch (call.number) {
    case SYS_openat:
      return (call.arguments[2] & O_CREAT) != 0;
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_fsync:
    case SYS_ioctl:
    case SYS_linkat:
    case SYS_mkdirat:
    case SYS_renameat2:
    case SYS_renameat:
    case SYS_symlinkat:
    case SYS_unlinkat:
    case SYS_utimensat:
    case SYS_write:
      return true;
    default:
      return false;
  }
}

// What the call fails with in life; 0 where that is another matter: memory.
int usual_error(int number) {
  switch (number) {
    case SYS_fsync:
    case SYS_linkat:
    case SYS_mkdirat:
    case SYS_renameat2:
    case SYS_renameat:
    case SYS_symlinkat:
    case SYS_write:
      return ENOSPC;
    case SYS_openat2:
    case SYS_openat:
      return EMFILE;
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_flock:
    case SYS_fstatfs:
    case SYS_getdents64:
    case SYS_newfstatat:
    case SYS_pread64:
    case SYS_read:
    case SYS_readlinkat:
    case SYS_unlinkat:
    case SYS_utimensat:
      return EIO;
    default:
      return 0;
  }
}

class CreateFaults : public test::StoreFixture, public ::testing::WithParamInterface<Scene> {
 protected:
  // On a disk of memory, if this process may have one: to wait for a real one is all that takes
  // time.
  void SetUp() override {
    if (!own_mounts()) return;
    mount_memory("/");
    put_driver();
  }

  // A store as it is before, with a volume of a driver that had a file less.
  void reset() {
    fs::remove_all(path("/store"));
    if (GetParam() != Scene::Renewal) return;
    auto before = contents();
    before.files.pop_back();
    ASSERT_EQ(told(store().create(before)), "made");
    former_ = volume_files();
  }

  // Runs create-volume; `choose` is asked of each call that counts, by its number from 1 on.
  test::Ended run(
      const std::function<test::Answer(std::size_t, const test::WatchedCall&)>& choose) {
    bool started = false;
    std::size_t calls = 0;
    return test::launch(
        {.arguments = {NVHOOK_CREATE_VOLUME, path("/store"), path("/driver"),
                       GetParam() == Scene::Copy ? "copy" : "link"},
         // Looking for leaks is the sanitizer's own affair, and makes calls as well.
         .environment = {"ASAN_OPTIONS=detect_leaks=0"},
         .watch = [&](const test::WatchedCall& call) {
           if (started) return choose(++calls, call);
           started = call.number == SYS_getppid;
           return test::Answer{};
         }});
  }

  // What is there after a run that did not come to its end, and that nobody minds it later.
  void expect_all_or_nothing(const std::string& where) {
    const auto found = volume_files();
    if (GetParam() == Scene::Renewal)
      EXPECT_THAT(found, AnyOf(ContainerEq(former_), ContainerEq(all_files()))) << where;
    else
      EXPECT_THAT(found, AnyOf(IsEmpty(), ContainerEq(all_files()))) << where;
    EXPECT_EQ(fs::exists(path("/store/nvidia_driver/361.48")), !found.empty()) << where;

    const auto again = told(store().create(contents()));
    if (found == all_files())
      EXPECT_EQ(again, "kept") << where;
    else
      EXPECT_THAT(again, AnyOf("made", "renewed")) << where;
    EXPECT_THAT(volume_files(), ContainerEq(all_files())) << where;
    EXPECT_THAT(remains(), IsEmpty()) << where;
    EXPECT_EQ(told(store().remove(version())), "removed") << where;
    EXPECT_THAT(files_in(path("/store")), ElementsAre(".nvhook/lock")) << where;
  }

  // The calls of a run that comes to its end.
  std::vector<test::WatchedCall> undisturbed() {
    std::vector<test::WatchedCall> calls;
    reset();
    const auto ended = run([&](std::size_t /*nth*/, const test::WatchedCall& call) {
      calls.push_back(call);
      return test::Answer{};
    });
    EXPECT_EQ(ended.status, 0) << ended.err;
    expect_all_or_nothing("undisturbed");
    return calls;
  }

  std::vector<std::string> former_;  // in the volume before
};

TEST_P(CreateFaults, LeaveNoHalfVolumeWhereverItIsKilled) {
  constexpr int kKilled = 128 + 9;
  const auto calls = undisturbed();
  for (std::size_t point = 1; point <= calls.size(); ++point) {
    // Between two that change something the disk is the same.
    if (!kills_at_every_call() && !changes_something(calls[point - 1])) continue;
    reset();
    const auto ended =
        run([&](std::size_t nth, const auto&) { return test::Answer{.kill = nth == point}; });
    ASSERT_EQ(ended.status, kKilled) << point;
    expect_all_or_nothing("killed at call " + std::to_string(point) + ", " +
                          calls[point - 1].name());
    if (HasFailure()) return;
  }
}

TEST_P(CreateFaults, LeaveNoHalfVolumeWhicheverCallFails) {
  const auto calls = undisturbed();
  std::set<int> tried;
  std::size_t failed = 0;
  for (std::size_t point = 1; point <= calls.size(); ++point) {
    const auto& call = calls[point - 1];
    const auto error = usual_error(call.number);
    if (error == 0) continue;
    const bool first = tried.insert(call.number).second;
    if (!full() && !first && !changes_something(call)) continue;
    reset();
    const auto ended = run([&](std::size_t nth, const auto&) {
      return test::Answer{.error = nth == point ? error : 0};
    });
    const auto where = "call " + std::to_string(point) + ", " + call.name() + ", fails";
    if (ended.status != 0) ++failed;
    // 0: its failure is of no consequence.
    EXPECT_THAT(ended.status, AnyOf(0, 1, 2)) << where;
    EXPECT_THAT(ended.err, ended.status == 0 ? StartsWith("") : StartsWith("E_")) << where;
    expect_all_or_nothing(where);
    if (HasFailure()) return;
  }
  EXPECT_GT(failed, 15U);
}

// At the moment in which one file has been linked or copied, and the next has not.
TEST_P(CreateFaults, LeaveTheStoreAsItWasWhenTheDriverIsChangedMeanwhile) {
  const auto last = path("/driver/libnvidia-ml.so.361.48");
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"removed", [&] { fs::remove(last); }},
      {"replaced",
       [&] {
         fs::remove(last);
         put("/driver/libnvidia-ml.so.361.48", "ml");
       }},
      {"written to", [&] { put("/driver/libnvidia-ml.so.361.48", "longer"); }},
      {"given away", [&] { fs::permissions(last, fs::perms{0666}); }},
  };
  for (const auto& [what, change] : changes) {
    put_driver();
    reset();
    bool changed = false;
    const auto ended = run([&](std::size_t /*nth*/, const test::WatchedCall& call) {
      if (call.number == SYS_symlinkat && !changed) {
        change();
        changed = true;
      }
      return test::Answer{};
    });

    EXPECT_EQ(ended.status, 1) << what;
    EXPECT_THAT(ended.err, AllOf(StartsWith("E_SRC_"), HasSubstr("libnvidia-ml.so.361.48")))
        << what;
    EXPECT_THAT(volume_files(), ContainerEq(former_)) << what;
    EXPECT_THAT(remains(), IsEmpty()) << what;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, CreateFaults, kScenes, name_of);

// File systems that cannot exchange names.
class Renewal : public CreateFaults {};
TEST_P(Renewal, IsDoneWhereNamesCannotBeExchanged) {
  reset();
  bool asked = false;
  const auto ended = run([&](std::size_t /*nth*/, const test::WatchedCall& call) {
    if (call.number != SYS_renameat2) return test::Answer{};
    asked = true;
    return test::Answer{.error = EINVAL};
  });

  EXPECT_TRUE(asked);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  EXPECT_THAT(remains(), IsEmpty());
  EXPECT_EQ(told(store().create(contents())), "kept");
}

// What was to take the place of a volume in use is in nobody's use, and in nobody's way.
TEST_P(Renewal, SucceedsAfterOneThatFailedWhileAContainerHadTheVolume) {
  for (const auto& fault : {test::Answer{.kill = true}, test::Answer{.error = EIO}}) {
    reset();
    ASSERT_TRUE(store().mount(version(), "container"));
    const auto ended = run([&](std::size_t /*nth*/, const test::WatchedCall& call) {
      return call.number == SYS_renameat2 ? fault : test::Answer{};
    });
    ASSERT_NE(ended.status, 0);
    EXPECT_THAT(volume_files(), ContainerEq(former_));

    EXPECT_EQ(told(store().create(contents())), "renewed");
    EXPECT_THAT(volume_files(), ContainerEq(all_files()));
    ASSERT_THAT(remains(), ElementsAre(StartsWith("old-361.48-")));
    EXPECT_THAT(files_in(path("/store/.nvhook/" + remains().front())), ContainerEq(former_));
    ASSERT_TRUE(store().unmount(version(), "container"));
    EXPECT_THAT(remains(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Renewal, ::testing::Values(Scene::Renewal), name_of);

// What power loss leaves is what was on disk: so nothing has a name that is not.
class CreateOrder : public CreateFaults {
 protected:
  // "fsync <path below the store>" and "rename <name> <name>", in their order.
  std::vector<std::string> events() {
    std::vector<std::string> all;
    reset();
    const auto ended = run([&](std::size_t, const test::WatchedCall& call) {
      if (call.number == SYS_fsync)
        all.push_back("fsync " + name_of_fd(call.pid, call.arguments[0]));
      if (call.number == SYS_renameat || call.number == SYS_renameat2)
        all.push_back("rename " + without_inode(call.text(1)) + " " + without_inode(call.text(3)));
      return test::Answer{};
    });
    EXPECT_EQ(ended.status, 0) << ended.err;
    return all;
  }

  [[nodiscard]] std::string name_of_fd(pid_t pid, std::uint64_t fd) const {
    const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
    return without_inode(fs::read_symlink(link).lexically_relative(path("/store")).string());
  }

 private:
  static std::string without_inode(std::string text) {
    const auto at = text.find("361.48-");
    return at == std::string::npos ? text : text.substr(0, at + 7) + "N";
  }
};

TEST_P(CreateOrder, PutsEverythingOnDiskBeforeItHasItsName) {
  std::vector<std::string> expected = {"fsync .nvhook/.files-361.48-N",
                                       "rename .files-361.48-N files-361.48-N", "fsync .nvhook"};
  if (GetParam() == Scene::Copy)
    for (const auto* file : {"bin/nvidia-smi", "lib/libcuda.so.361.48", "lib64/libcuda.so.361.48",
                             "lib64/libnvidia-ml.so.361.48"})
      expected.push_back(std::string("fsync .nvhook/new-361.48/") + file);
  for (const auto* folder : {"/bin", "/lib", "/lib64", ""})
    expected.push_back(std::string("fsync .nvhook/new-361.48") + folder);
  if (GetParam() == Scene::Renewal) {
    expected.emplace_back("rename new-361.48 old-361.48-N");
    expected.emplace_back("rename old-361.48-N 361.48");  // an exchange
  } else {
    expected.emplace_back("rename new-361.48 361.48");
  }
  // The second time by whoever takes the old one apart: it may be another process.
  for (int times = GetParam() == Scene::Renewal ? 2 : 1; times > 0; --times) {
    expected.emplace_back("fsync nvidia_driver");
    expected.emplace_back("fsync .nvhook");
  }

  EXPECT_THAT(events(), ContainerEq(expected));
}

INSTANTIATE_TEST_SUITE_P(Each, CreateOrder, kScenes, name_of);

// The process before was killed when the names were exchanged, but not on disk.
class RenewalOrder : public CreateOrder {};
TEST_P(RenewalOrder, TakesNothingApartBeforeItsNewNameIsOnDisk) {
  reset();
  bool exchanged = false;
  const auto killed = run([&](std::size_t, const test::WatchedCall& call) {
    const test::Answer answer{.kill = exchanged && call.number == SYS_fsync};
    exchanged = exchanged || call.number == SYS_renameat2;
    return answer;
  });
  ASSERT_NE(killed.status, 0);
  ASSERT_THAT(remains(), ElementsAre(StartsWith("old-361.48-")));

  std::vector<std::string> events;
  const auto ended = run([&](std::size_t, const test::WatchedCall& call) {
    if (call.number == SYS_fsync)
      events.push_back("fsync " + name_of_fd(call.pid, call.arguments[0]));
    if (call.number == SYS_unlinkat) events.push_back("unlink");
    return test::Answer{};
  });

  EXPECT_EQ(ended.status, 0) << ended.err;
  ASSERT_GT(events.size(), 3U);
  events.resize(3);
  EXPECT_THAT(events, ElementsAre("fsync nvidia_driver", "fsync .nvhook", "unlink"));
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  EXPECT_THAT(remains(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Each, RenewalOrder, ::testing::Values(Scene::Renewal), name_of);

}  // namespace
}  // namespace nvhook::volumes
