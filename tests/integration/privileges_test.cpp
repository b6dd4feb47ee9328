// SPDX-License-Identifier: Apache-2.0
// What the program may do at each point of its run, and what others may do to it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "integration/bundle.hpp"
#include "support/process_status.hpp"
#include "support/watched.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A sanitized build's search for leaks cannot work in a process that is traced.
const std::vector<std::string> kQuiet = {"ASAN_OPTIONS=detect_leaks=0"};

class Privileges : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    container_ = std::make_unique<TestContainer>(bundle_.root().on_disk());
    bundle_.write();
  }

  void in_user_namespace() {
    container_ = std::make_unique<TestContainer>(
        bundle_.root().on_disk(),
        TestContainer::Options{
            .user_namespace = TestContainer::UserNamespace::from(100'000, 65'536),
            .pid_namespace = true});
  }

  Finished watch(const std::vector<std::string>& arguments,
                 const std::function<Then(const Stop&)>& look,
                 const std::function<void(pid_t)>& meanwhile = {}) {
    return run_watched(nvhook_on(NVHOOK_SIMULATED_HOST, arguments),
                       container_->state(bundle_.path()), kQuiet, look, meanwhile);
  }

  Bundle bundle_;
  std::unique_ptr<TestContainer> container_;
};

// The part of a run that a call belongs to, if nothing else makes such a call.
std::optional<std::string> part_of(const Stop& stop) {
  if (!stop.first) return stop.call == SYS_sendmsg ? std::optional("parsing") : std::nullopt;
  switch (stop.call) {
    case SYS_recvfrom:
      return "taking the records";
    case SYS_pidfd_open:
      return "pinning";
    case SYS_open_tree:
      return "capturing";
    case SYS_setns:
      return "entering";
    case SYS_mknodat:
    case SYS_move_mount:
    case SYS_symlinkat:
      return "placing";
    case SYS_openat2: {
      const auto name = text_at(stop, 1);
      if (name == "module/nvidia/version") return "discovering";
      if (name == "etc/debian_version") return "looking";
      if (name == "devices.allow") return "allowing";
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

struct Holds {
  std::string effective, permitted;
  bool operator==(const Holds&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Holds& holds) {
    return out << "effective: " << holds.effective << "; permitted: " << holds.permitted;
  }
};
using Held = std::map<std::string, Holds>;

TEST_F(Privileges, B06_AreThoseOfTheMomentAndOfWhatIsToCome) {
  Held held;
  const auto done = watch({"prestart"}, [&](const Stop& stop) {
    const auto part = part_of(stop);
    // One more record is taken later, of the loader's file.
    if (part && !(part == "taking the records" && held.contains(*part))) {
      const auto status = status_of(stop.pid);
      held[*part] = {names_of(status.effective), names_of(status.permitted)};
      EXPECT_EQ(status.inheritable | status.ambient | status.bounding, 0U) << *part;
      EXPECT_TRUE(status.no_new_privileges) << *part;
      EXPECT_EQ(status.seccomp, 2) << *part;
    }
    return Then::GoOn;
  });

  ASSERT_EQ(done.status, 0) << done.err;
  const std::string all = "dac_override net_admin setgid setuid sys_admin sys_chroot sys_ptrace";
  const std::string pinned = "dac_override net_admin sys_admin sys_chroot";
  const std::string last = "dac_override net_admin sys_admin";
  EXPECT_EQ(held, (Held{{"parsing", {"", ""}},
                        {"taking the records", {"", all}},
                        {"pinning", {"dac_override sys_ptrace", all}},
                        {"discovering", {"", pinned}},
                        {"looking", {"dac_override", pinned}},
                        {"capturing", {"sys_admin", pinned}},
                        {"entering", {"sys_admin sys_chroot", pinned}},
                        {"placing", {last, last}},
                        {"allowing", {last, last}}}));
}

TEST_F(Privileges, B06_OfAnIdentityAreGoneOnceItWasTakenOn) {
  in_user_namespace();
  Held held;
  const auto done = watch({"prestart"}, [&](const Stop& stop) {
    const auto part = part_of(stop);
    if (part == "entering" || part == "placing") {
      const auto status = status_of(stop.pid);
      held[*part] = {names_of(status.effective), names_of(status.permitted)};
    }
    return Then::GoOn;
  });

  ASSERT_EQ(done.status, 0) << done.err;
  const std::string last = "dac_override net_admin sys_admin";
  EXPECT_EQ(held, (Held{{"entering",
                         {"setgid setuid sys_admin sys_chroot",
                          "dac_override net_admin setgid setuid sys_admin sys_chroot"}},
                        {"placing", {last, last}}}));
}

TEST_F(Privileges, B06_OfADryRunAreForLookingOnly) {
  std::set<std::string> permitted;
  const auto done = watch({"--dry-run"}, [&](const Stop& stop) {
    if (const auto part = part_of(stop); part && stop.first)
      permitted.insert(names_of(status_of(stop.pid).permitted));
    return Then::GoOn;
  });

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(permitted, (std::set<std::string>{"dac_override", "dac_override sys_ptrace"}));
}

// An image's directories may be closed to everybody but their owner, and a bundle may lie in a
// directory of somebody's that even root may not search without a capability.
TEST_F(Privileges, ReachWhereOthersAreShutOut) {
  namespace fs = std::filesystem;
  fs::permissions(bundle_.root().on_disk("/usr"), fs::perms::owner_all);
  ASSERT_EQ(::chown(bundle_.root().on_disk("/usr").c_str(), 1000, 1000), 0);
  fs::permissions(bundle_.root().on_disk(), fs::perms::owner_all);
  ASSERT_EQ(::chown(bundle_.root().on_disk().c_str(), 1000, 1000), 0);

  EXPECT_EQ(bundle_.hook(*container_).status, 0);
}

TEST_F(Privileges, WithoutAnyADryRunWorksAllTheSame) {
  FakeRoot place;
  std::filesystem::permissions(place.on_disk(), std::filesystem::perms(0755));
  bundle_.config["root"]["path"] = place.on_disk().string();
  bundle_.write();
  std::filesystem::permissions(bundle_.path(), std::filesystem::perms(0755));
  auto command = nvhook_on(NVHOOK_SIMULATED_HOST, {"--dry-run", "--bundle", bundle_.path()});
  command.insert(command.begin(),
                 {"setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--"});

  const auto done = run(command);

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("libcuda.so"));
}

// The capabilities that engines leave to root in a container, unless told otherwise.
// Source: containers/common, pkg/config/default.go; moby, oci/caps/defaults.go.
constexpr auto kOfAContainer =
    "cap_chown,cap_dac_override,cap_fowner,cap_fsetid,cap_kill,cap_setgid,cap_setuid,cap_setpcap,"
    "cap_net_bind_service,cap_net_raw,cap_sys_chroot,cap_mknod,cap_audit_write,cap_setfcap=ep";

// A way into another process. Negative, with errno, if it is closed.
struct WayIn {
  std::string_view name;
  int (*attempt)(pid_t pid);
};

int open_of(pid_t pid, const char* name, int flags) {
  return ::open(("/proc/" + std::to_string(pid) + "/" + name).c_str(), flags | O_CLOEXEC);
}

const std::array kWaysIn = {
    WayIn{"writing to its program", [](pid_t pid) { return open_of(pid, "exe", O_WRONLY); }},
    WayIn{"writing to its memory", [](pid_t pid) { return open_of(pid, "mem", O_RDWR); }},
    WayIn{"reading its memory", [](pid_t pid) { return open_of(pid, "mem", O_RDONLY); }},
    WayIn{"its root", [](pid_t pid) { return open_of(pid, "root", O_PATH); }},
    WayIn{"its working directory", [](pid_t pid) { return open_of(pid, "cwd", O_PATH); }},
    WayIn{"its first descriptor", [](pid_t pid) { return open_of(pid, "fd/0", O_PATH); }},
    WayIn{"its environment", [](pid_t pid) { return open_of(pid, "environ", O_RDONLY); }},
    WayIn{
        "tracing it",
        [](pid_t pid) { return static_cast<int>(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr)); }},
    WayIn{"taking its descriptor",
          [](pid_t pid) {
            const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
            return static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, 0, 0));
          }},
};

// The ways that are open to root of a container that shares the host's pid namespace, one a line.
std::string ways_open_to_container_root(pid_t pid) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const cap_t few = ::cap_from_text(kOfAContainer);
    if (::cap_set_proc(few) != 0) ::dprintf(ends[1], "keeps its capabilities\n");
    for (const auto& way : kWaysIn)
      if (way.attempt(pid) >= 0 || (errno != EACCES && errno != EPERM))
        ::dprintf(ends[1], "%s: %s\n", way.name.data(), ::strerror(errno));
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 1024> chunk{};
  for (ssize_t got = 0; (got = ::read(ends[0], chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(got));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

// The oracle itself: such a root has a way into a process that did nothing against it.
TEST_F(Privileges, OfAnotherProcessAreOpenToAContainersRoot) {
  const pid_t plain = ::fork();
  if (plain == 0) {
    (void)::cap_set_proc(::cap_from_text("="));
    ::prctl(PR_SET_DUMPABLE, 1);
    for (;;) ::pause();
  }
  while (status_of(plain).permitted != 0) ::usleep(1000);

  EXPECT_THAT(ways_open_to_container_root(plain), HasSubstr("reading its memory"));

  ::kill(plain, SIGKILL);
  ::waitpid(plain, nullptr, 0);
}

TEST_F(Privileges, AreClosedToAContainersRootAtAnyPointOfARun) {
  constexpr int kStride = 20;  // of some 600 calls
  int calls = 0;
  int points = 0;
  const auto done = watch(
      {"prestart"},
      [&](const Stop& stop) {
        if (calls == 0 && stop.call != SYS_close_range) return Then::GoOn;  // not ours yet
        const bool ends = stop.call == SYS_exit_group;
        return ++calls % kStride == 0 && !ends ? Then::Release : Then::GoOn;
      },
      [&](pid_t pid) {
        ++points;
        EXPECT_EQ(ways_open_to_container_root(pid), "") << "call " << calls;
      });

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_GE(points, 20);
}

// A copy of the program that anybody may run.
class Installed : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: setuid files, capabilities of files";
    std::filesystem::permissions(place_.on_disk(), std::filesystem::perms(0755));
    std::filesystem::copy_file(NVHOOK_PROGRAM, copy());
  }
  [[nodiscard]] std::string copy() const { return place_.on_disk("/nvhook").string(); }
  [[nodiscard]] Finished by_user(const std::string& uid) const {
    return run(
        {"setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--", copy(), "--version"},
        {}, kQuiet);
  }
  FakeRoot place_;
};

TEST_F(Installed, B07_SetuidItRefusesToRunForOthers) {
  ASSERT_EQ(::chmod(copy().c_str(), 04755), 0);

  const auto done = by_user("1000");

  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_SETUID: "));
  EXPECT_EQ(by_user("0").status, 0);
}

TEST_F(Installed, B07_SetgidItRefusesToRunForOthers) {
  ASSERT_EQ(::chmod(copy().c_str(), 02755), 0);

  EXPECT_THAT(by_user("1000").err, StartsWith("nvhook: E_SETUID: "));
}

TEST_F(Installed, B07_WithCapabilitiesItRefusesToRunForOthers) {
  const cap_t lent = ::cap_from_text("cap_sys_admin=ep");
  ASSERT_EQ(::cap_set_file(copy().c_str(), lent), 0);
  ::cap_free(lent);

  EXPECT_THAT(by_user("1000").err, StartsWith("nvhook: E_SETUID: "));
}

TEST_F(Installed, PlainItRunsForEverybody) { EXPECT_EQ(by_user("1000").status, 0); }

}  // namespace
}  // namespace nvhook::test
