// SPDX-License-Identifier: Apache-2.0
// Family P: whose process the state names, what namespaces it has, and what stands at /proc.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>

#include "attack/attack.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A process that does nothing, until it is ended with the object.
class Bystander {
 public:
  // `first` is what it does before that.
  explicit Bystander(const std::function<void()>& first = {}) {
    std::array<int, 2> ready{};
    if (::pipe2(ready.data(), O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      if (first) first();
      ::close(ready[0]);
      ::close(ready[1]);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char none = 0;
    [[maybe_unused]] const auto end = ::read(ready[0], &none, 1);
    ::close(ready[0]);
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;
  ~Bystander() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class Processes : public Attack {
 protected:
  // The state with something else for the pid, as JSON.
  std::string state_with_pid(const std::string& pid) {
    auto state = nlohmann::json::parse(container().state(scene().bundle.path()));
    state.erase("pid");
    auto text = state.dump();
    if (!pid.empty()) text.insert(1, "\"pid\":" + pid + ",");
    return text;
  }
  void refuse_pid(const std::string& pid, std::string_view id) {
    SCOPED_TRACE("pid " + pid);
    scene().state = state_with_pid(pid);
    refused(id);
  }

  // Has the hook run in a mount namespace of its own, in which `change` is done once it has
  // started: a sanitized program needs a /proc until then.
  void change_mounts_of_hook(const std::function<void(pid_t hook)>& change) {
    scene().rehearsed = false;
    scene().before = [] {
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        ::_exit(126);
    };
    scene().watch = [change, done = false](const WatchedCall& call) mutable {
      if (done || call.number != SYS_umask) return Answer{};  // part of the clean start
      done = true;
      const pid_t child = ::fork();
      if (child == 0) {
        const auto name = "/proc/" + std::to_string(call.pid) + "/ns/mnt";
        if (::setns(::open(name.c_str(), O_RDONLY | O_CLOEXEC), CLONE_NEWNS) != 0) ::_exit(1);
        change(call.pid);
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
      return Answer{};
    };
  }
};

void must(int result) {
  if (result != 0) ::_exit(1);
}

TEST_P(Processes, P01_PidThatIsNone) {
  const auto real = std::to_string(container().pid());
  for (const std::string& pid :
       {std::string("0"), std::string("-0"), std::string("-1"), "-" + real, std::string("1"),
        std::string("2147483648"), std::to_string((std::int64_t{1} << 32U) + container().pid()),
        std::string("99999999999999999999"), "\"" + real + "\"", real + ".5", real + "e0",
        std::string("null"), std::string("true"), "[" + real + "]", std::string()})
    refuse_pid(pid, "E_PID");
  refuse_pid("0" + real, "E_STATE_PARSE");
}

TEST_P(Processes, P02_PidOfTheHostsOwn) {
  const Bystander bystander;
  scene().companions = {bystander.pid()};
  refuse_pid(std::to_string(bystander.pid()), "E_NS_SAME");
  refuse_pid(std::to_string(::getpid()), "E_PID");  // who started the hook: the runtime

  // Its own: the state is written when it is known.
  const auto state = state_with_pid("PID");
  scene().rehearsed = false;
  scene().before = [state] {
    auto text = state;
    text.replace(text.find("PID"), 3, std::to_string(::getpid()));
    std::array<int, 2> ends{};
    must(::pipe2(ends.data(), O_CLOEXEC));
    must(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    ::dup2(ends[0], STDIN_FILENO);
  };
  refused("E_PID");
}

// Under runc the pid is 1 there, under crun 0.
TEST_P(Processes, P03_CreateContainerHookIsToldWhereItBelongs) {
  for (const auto* pid : {"1", "0"}) {
    refuse_pid(pid, "E_PID");
    EXPECT_THAT(outcome().finished.err, HasSubstr("prestart or createRuntime"));
  }
  scene().state.reset();
  scene().stage = "createContainer";
  refused("E_STAGE");
}

TEST_P(Processes, P04_PidOfAnotherContainer) {
  Bundle other;
  const TestContainer neighbour(other.root().on_disk());
  const auto before = neighbour.snapshot();
  scene().companions = {neighbour.pid()};

  refuse_pid(std::to_string(neighbour.pid()), "E_ROOTFS");

  EXPECT_EQ(neighbour.changes_since(before), "");
}

TEST_P(Processes, P05_ProcessThatHasEnded) {
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(gone), &ended, WEXITED | WNOWAIT), 0);
  scene().companions = {gone};
  refuse_pid(std::to_string(gone), "E_PID");  // a zombie
  ::waitpid(gone, nullptr, 0);
  refuse_pid(std::to_string(gone), "E_PID");
}

// Killed while the hook takes hold of it: at each of the calls from the first about the process on.
TEST_P(Processes, P05_ProcessThatEndsMeanwhile) {
  constexpr std::size_t kCalls = 24;
  for (std::size_t nth = 0; nth < kCalls; ++nth) {
    SCOPED_TRACE(nth);
    const auto root = image().on_disk().string();
    // Not the test's own container: that one shows what has changed.
    const Bystander victim([root] {
      must(::unshare(CLONE_NEWNS));
      must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
      must(::mount(root.c_str(), root.c_str(), nullptr, MS_BIND | MS_REC, nullptr));
      must(::prctl(PR_SET_DUMPABLE, 0));
    });
    scene().companions = {victim.pid()};
    scene().state = state_with_pid(std::to_string(victim.pid()));
    scene().rehearsed = false;
    bool about_it = false;
    std::size_t since = 0;
    scene().watch = [&](const WatchedCall& call) {
      about_it = about_it || call.number == SYS_pidfd_open ||
                 (call.number == SYS_openat && call.text(1) == std::to_string(victim.pid()));
      if (about_it && since++ == nth) {
        ::kill(victim.pid(), SIGKILL);
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(victim.pid()), &ended, WEXITED | WNOWAIT);
      }
      return Answer{};
    };
    run_hook();
    EXPECT_GT(since, nth) << "there are not so many calls";
    EXPECT_THAT(outcome().error(), ::testing::AnyOf("E_PID", "E_CGROUP", "E_NS"))
        << outcome().finished.err;
    expect_no_complaints();
  }
}

TEST_P(Processes, P06_PidOfAThread) {
  std::atomic<pid_t> thread = 0;
  std::atomic<bool> over = false;
  std::thread other([&] {
    thread = static_cast<pid_t>(::syscall(SYS_gettid));
    while (!over) ::usleep(1000);
  });
  while (thread == 0) ::usleep(1000);

  refuse_pid(std::to_string(thread), "E_PID");

  over = true;
  other.join();
}

TEST_P(Processes, P07_NamespacesThatTheContainerSharesWithTheHost) {
  contained();  // all but that of mounts
  start_over();
  scene().container.pid_namespace = true;
  contained();
  start_over();
  scene().container.user_namespace = TestContainer::UserNamespace::from(100'000, 65'536);
  contained();
}

// What is said where /proc is not one. Older kernels list there what is to be closed, and so the
// parser's process misses it first.
const char* missed_with(Tier tier) { return tier == Tier::New ? "/proc" : "the parser's process"; }

TEST_P(Processes, P08_TmpfsAtProc) {
  const auto pid = container().pid();
  change_mounts_of_hook([pid](pid_t hook) {
    must(::mount("tmpfs", "/proc", "tmpfs", 0, nullptr));
    for (const auto process : {pid, hook}) {
      const auto directory = "/proc/" + std::to_string(process);
      must(::mkdir(directory.c_str(), 0755));
      must(::mkdir((directory + "/ns").c_str(), 0755));
      must(::mkdir((directory + "/fd").c_str(), 0755));
    }
    must(::symlink(std::to_string(hook).c_str(), "/proc/self"));
  });

  refused("E_KERNEL");
  EXPECT_THAT(outcome().finished.err, HasSubstr(missed_with(GetParam().tier)));
}

TEST_P(Processes, P09_DirectoryOfAProcessAtProc) {
  change_mounts_of_hook(
      [](pid_t) { must(::mount("/proc/1", "/proc", nullptr, MS_BIND, nullptr)); });

  refused("E_KERNEL");
  EXPECT_THAT(outcome().finished.err, HasSubstr(missed_with(GetParam().tier)));
}

// One process's file in place of another's: as much as a bind mount can do to a true procfs.
TEST_P(Processes, P10_SomebodyElsesDirectoryOrFileInProc) {
  Bundle other;
  const TestContainer neighbour(other.root().on_disk());
  const auto before = neighbour.snapshot();
  scene().companions = {neighbour.pid()};
  const auto pid = container().pid();
  for (const auto* name : {"", "/ns", "/uid_map", "/gid_map", "/cgroup", "/mountinfo"}) {
    SCOPED_TRACE(name);
    change_mounts_of_hook([&](pid_t) {
      const auto from = "/proc/" + std::to_string(neighbour.pid()) + name;
      const auto to = "/proc/" + std::to_string(pid) + name;
      // By descriptors, for "root" is a link.
      const auto tree =
          static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, from.c_str(), OPEN_TREE_CLONE));
      const int at = ::open(to.c_str(), O_PATH | O_NOFOLLOW);
      must(static_cast<int>(::syscall(SYS_move_mount, tree, "", at, "",
                                      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)));
    });
    run_hook();
    EXPECT_NE(outcome().finished.status, 0);
    expect_no_complaints();
  }
  for (const auto* name : {"", "/fd", "/ns"}) {
    SCOPED_TRACE(name);
    change_mounts_of_hook([&](pid_t hook) {
      const auto from = "/proc/" + std::to_string(neighbour.pid()) + name;
      const auto to = "/proc/" + std::to_string(hook) + name;
      must(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr));
    });
    run_hook();
    EXPECT_NE(outcome().finished.status, 0);
    expect_no_complaints();
  }
  EXPECT_EQ(neighbour.changes_since(before), "");
}

TEST_P(Processes, P12_ProcOfAnotherPidNamespace) {
  std::vector<std::string> command = {"unshare", "--pid", "--fork"};
  for (const auto& word : hook_command({"prestart"})) command.push_back(word);

  const auto& ended = run_instead(command);

  EXPECT_NE(ended.finished.status, 0);
  EXPECT_THAT(ended.finished.err, HasSubstr("another pid namespace"));
  expect_no_complaints();
}

TEST_P(Processes, P13_HookWithoutTheRightToEnter) {
  for (const int lacking : {CAP_SYS_PTRACE, CAP_SYS_CHROOT, CAP_SYS_ADMIN}) {
    SCOPED_TRACE(lacking);
    scene().rehearsed = false;
    scene().before = [lacking] {
      // What is not in the bounding set is not gained by execve(2).
      must(::prctl(PR_CAPBSET_DROP, lacking));
    };
    run_hook();
    EXPECT_THAT(outcome().error(), ::testing::AnyOf("E_NS", "E_KERNEL")) << outcome().finished.err;
    EXPECT_THAT(outcome().finished.err, HasSubstr("ermi"));  // permission denied, not permitted
    expect_no_complaints();
  }
}

// Who owns what was made in the root, and so could not be the container's.
std::set<std::pair<uid_t, gid_t>> owners_of_what_is_new(const TestContainer& container,
                                                        const PlanOfRun& plan) {
  std::set<std::pair<uid_t, gid_t>> owners;
  for (const auto& link : plan.links) {
    struct stat status{};
    EXPECT_EQ(::lstat(container.inside(link.path).c_str(), &status), 0) << link.path;
    owners.insert({status.st_uid, status.st_gid});
  }
  return owners;
}

TEST_P(Processes, P14_UserNamespaces) {
  using Owners = std::set<std::pair<uid_t, gid_t>>;
  const struct {
    const char* what;
    TestContainer::UserNamespace ids;
    std::optional<Owners> owners;  // none: refused
  } cases[] = {
      {"usual", TestContainer::UserNamespace::from(100'000, 65'536), Owners{{100'000, 100'000}}},
      {"root alone", TestContainer::UserNamespace::from(100'000, 1), Owners{{100'000, 100'000}}},
      {"holes",
       {{{5, 105, 1}, {0, 200'000, 1}, {1000, 1000, 1}}, {{7, 107, 1}, {0, 300'000, 1}}},
       Owners{{200'000, 300'000}}},
      {"the host's own ids", TestContainer::UserNamespace::from(0, 65'536), Owners{{0, 0}}},
      {"no root", {{{1, 100'001, 10}}, {{0, 100'000, 10}}}, std::nullopt},
      {"no group of root", {{{0, 100'000, 10}}, {{1, 100'001, 10}}}, std::nullopt},
      {"no maps", {{}, {}}, std::nullopt},
  };
  for (const auto& [what, ids, owners] : cases) {
    SCOPED_TRACE(what);
    start_over();
    scene().container.user_namespace = ids;
    if (owners) {
      contained();
      EXPECT_EQ(owners_of_what_is_new(container(), outcome().plan), *owners);
    } else {
      refused("E_USERNS");
    }
  }
}

// A root whose files have other owners than on the disk: mount_setattr(2), MOUNT_ATTR_IDMAP.
void shift_owners(const fs::path& root, unsigned by) {
  const Bystander owner([] { must(::unshare(CLONE_NEWUSER)); });
  const auto process = fs::path("/proc") / std::to_string(owner.pid());
  for (const auto* map : {"uid_map", "gid_map"})
    std::ofstream(process / map) << "0 " << by << " 65536\n";
  const UniqueFd space(::open((process / "ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd tree(static_cast<int>(::syscall(
      SYS_open_tree, AT_FDCWD, root.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(space.get());
  ASSERT_EQ(::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &change, sizeof change), 0)
      << std::strerror(errno);
  ASSERT_EQ(
      ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, root.c_str(), MOVE_MOUNT_F_EMPTY_PATH),
      0);
}

TEST_P(Processes, P15_RootOfShiftedOwners) {
  // Root has no id there: nothing can be made in its name.
  shift_owners(image().on_disk(), 100'000);
  refused("E_USERNS");
  ::umount2(image().on_disk().c_str(), MNT_DETACH);

  // The container's root has.
  start_over();
  shift_owners(image().on_disk(), 100'000);
  scene().container.user_namespace = TestContainer::UserNamespace::from(100'000, 65'536);
  contained();
  ::umount2(image().on_disk().c_str(), MNT_DETACH);
}

TEST_P(Processes, P16_OtherNamespacesMakeNoDifference) {
  for (const int space :
       {CLONE_NEWNET, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWCGROUP, CLONE_NEWTIME}) {
    SCOPED_TRACE(space);
    start_over();
    scene().container.further = [space](const fs::path&) { return ::unshare(space); };
    contained();
  }
}

INSTANTIATE_TEST_SUITE_P(Kernel, Processes, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
