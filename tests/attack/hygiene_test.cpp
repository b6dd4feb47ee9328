// SPDX-License-Identifier: Apache-2.0
// Family B, and the second part of F: what the hook inherits, what it lacks, and who looks on.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>

#include "attack/attack.hpp"
#include "attack/start_of_hook.hpp"
#include "nvhook/base/message_id.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

std::function<void()> with_limit(__rlimit_resource resource, rlim_t most) {
  return [=] {
    const rlimit bound{.rlim_cur = most, .rlim_max = most};
    ::setrlimit(resource, &bound);
  };
}

class Hygiene : public Attack {
 protected:
  // Sanitizers find out by a pipe whether there is memory at an address, and take an object for
  // none where they get no pipe.
  [[nodiscard]] bool sanitizer_is_blind() const {
    return kSanitized && outcome().finished.err.contains("object has invalid vptr");
  }
};

TEST_P(Hygiene, F03_FewDescriptors) {
  scene().before = with_limit(RLIMIT_NOFILE, 16);
  scene().rehearsed = false;

  run_hook();
  if (sanitizer_is_blind()) return;

  // The walk of older kernels holds the directories on its way, so it comes less far.
  EXPECT_EQ(outcome().error(), GetParam().tier == Tier::New ? "E_CGROUP" : "E_USERNS");
  expect_no_complaints();
  EXPECT_THAT(outcome().finished.err, HasSubstr("Too many open files"));
}

TEST_P(Hygiene, F03_AnyNumberOfDescriptors) {
  scene().rehearsed = false;
  std::vector<std::string> reasons = {"Too many open files"};
  // Kernels without close_range and pidfd_open tell by files what is open and who is alive.
  if (GetParam().tier == Tier::Old)
    reasons.insert(reasons.end(),
                   {"/proc/self/fd does not list them", "has ended, or is a thread"});
  for (const rlim_t most : {3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 20, 24, 32, 40}) {
    SCOPED_TRACE(most);
    scene().before = with_limit(RLIMIT_NOFILE, most);
    run_hook();
    EXPECT_NE(outcome().finished.status, 0);
    if (sanitizer_is_blind()) continue;
    // A sanitized program has a loader, which needs some as well.
    if (kSanitized && most <= 8) continue;
    EXPECT_TRUE(std::ranges::any_of(reasons, [&](const auto& reason) {
      return outcome().finished.err.contains(reason);
    })) << outcome().finished.err;
    expect_no_complaints();
  }
}

// What it has to say goes to a file here, and comes to nothing as well.
TEST_P(Hygiene, F03_NothingMayBeWrittenToFiles) {
  scene().before = with_limit(RLIMIT_FSIZE, 0);

  run_hook();

  EXPECT_EQ(outcome().finished.status, exit_status_of(ErrorId::Kernel));
  EXPECT_FALSE(outcome().complains(Oracle::Residue));
  EXPECT_FALSE(outcome().complains(Oracle::Canaries));

  start_over();
  fs::remove_all(image().on_disk("/lib64"));  // no loader, no file
  scene().before = with_limit(RLIMIT_FSIZE, 0);

  contained();
}

TEST_P(Hygiene, F03_LittleMemory) {
  if (kSanitized) return;  // it maps terabytes
  scene().before = with_limit(RLIMIT_AS, 64U << 20U);

  contained();
}

TEST_P(Hygiene, F03_SignalsThatAreBlockedAndIgnored) {
  scene().before = [] {
    for (int signal = 1; signal < SIGRTMIN; ++signal) std::signal(signal, SIG_IGN);
    sigset_t all{};
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
  };

  contained();
}

// ---- F05

void have_as_error_stream(int fd) { ::dup2(fd, STDERR_FILENO); }

TEST_P(Hygiene, F05_NobodyHearsWhatItSays) {
  std::array<int, 2> unread{};
  ASSERT_EQ(::pipe2(unread.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const std::string page(4096, 'x');
  while (::write(unread[1], page.data(), page.size()) > 0) {
  }
  ASSERT_EQ(::fcntl(unread[1], F_SETFL, 0), 0);  // a write would wait for ever
  const struct {
    const char* what;
    std::function<void()> before;
  } cases[] = {
      {"closed", [] { ::close(STDERR_FILENO); }},
      {"full", [] { have_as_error_stream(::open("/dev/full", O_WRONLY | O_CLOEXEC)); }},
      {"not read", [&] { have_as_error_stream(unread[1]); }},
      {"without a reader",
       [] {
         std::array<int, 2> ends{};
         if (::pipe2(ends.data(), O_CLOEXEC) != 0) ::_exit(126);
         ::close(ends[0]);
         have_as_error_stream(ends[1]);
       }},
      {"for reading only", [] { have_as_error_stream(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }},
  };
  for (const auto& [what, before] : cases) {
    SCOPED_TRACE(what);
    for (const auto* devices : {"all", "9"}) {
      start_over();
      scene().bundle.env(std::string("NVIDIA_VISIBLE_DEVICES=") + devices);
      // A warning, too: one library has no place for its link.
      image().file(std::string(kLibraryDirectory) + "/libcuda.so.1", "the image's");
      scene().before = before;
      scene().writable = {"/dev/null"};  // which stands in for a closed stream
      const auto& ended = run_instead(hook_command({"prestart"}));
      EXPECT_EQ(ended.finished.status, *devices == 'a' ? 0 : 2) << devices;
      expect_no_complaints();
    }
  }
  ::close(unread[0]);
  ::close(unread[1]);
}

TEST_P(Hygiene, F05_LogThatCannotBeWritten) {
  FakeRoot etc;
  const auto log = etc.on_disk("/log");
  etc.file("/nvhook.toml", "[log]\nfile = \"" + log.string() + "\"\n").file("/other", "");
  const struct {
    const char* what;
    std::function<void()> make;
    bool warns;
  } cases[] = {
      {"full", [&] { ASSERT_EQ(::mknod(log.c_str(), S_IFCHR | 0666, makedev(1, 7)), 0); }, false},
      {"a pipe without a reader", [&] { ASSERT_EQ(::mkfifo(log.c_str(), 0600), 0); }, true},
      {"a directory", [&] { fs::create_directory(log); }, true},
      {"a link", [&] { fs::create_symlink("other", log); }, true},
  };
  for (const auto& [what, make, warns] : cases) {
    SCOPED_TRACE(what);
    for (const bool fine : {true, false}) {
      start_over();
      make();
      scene().options = {"--config", etc.on_disk("/nvhook.toml")};
      scene().writable = {log};
      if (!fine) scene().bundle.env("NVIDIA_VISIBLE_DEVICES=9");
      if (!fine)
        refused("E_REQ_DEVICE");
      else if (warns)
        skipped("W_LOG");
      else
        contained();
      fs::remove(log);
    }
  }
  EXPECT_EQ(fs::file_size(etc.on_disk("/other")), 0U);
}

// ---- B

// The paths that a process has open.
std::vector<std::string> open_files_of(pid_t pid) {
  std::vector<std::string> paths;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", none))
    paths.push_back(fs::read_symlink(entry.path(), none));
  return paths;
}

TEST_P(Hygiene, B01_InheritedDirectoriesOfTheHost) {
  const auto directory = victim().on_disk("/directory").string();
  scene().before = [&] {
    for (int fd = 3; fd < 67; ++fd) ::dup2(::open(directory.c_str(), O_RDONLY), fd);
    ::dup2(3, 900);
  };
  std::size_t looked = 0;
  std::size_t had = 0;
  bool started = false;
  bool closed = false;
  scene().watch = [&](const WatchedCall& call) {
    const auto files = open_files_of(call.pid);
    const auto count = static_cast<std::size_t>(std::ranges::count(files, directory));
    had = std::max(had, count);
    started = started || is_start_of_hook(call);
    // Before the first thing that is read.
    closed = closed || (started && (call.number == SYS_fcntl || call.number == SYS_read));
    if (closed) {
      EXPECT_EQ(count, 0U) << call.name();
      ++looked;
    }
    return Answer{};
  };

  contained();

  EXPECT_GE(had, 64U);
  EXPECT_GT(looked, 300U);
}

TEST_P(Hygiene, B02_WorkingDirectoryOfTheHost) {
  const auto directory = victim().on_disk("/directory").string();
  scene().before = [&] {
    ::dup2(::open(directory.c_str(), O_RDONLY), 9);
    if (::chdir("/proc/self/fd/9") != 0) ::_exit(126);
  };
  bool began_to_read = false;
  std::size_t looked = 0;
  scene().watch = [&](const WatchedCall& call) {
    std::error_code none;
    const auto where = fs::read_symlink("/proc/" + std::to_string(call.pid) + "/cwd", none);
    began_to_read = began_to_read || (call.number == SYS_read && call.arguments[0] == STDIN_FILENO);
    if (began_to_read) {
      EXPECT_NE(where, directory) << call.name();
      ++looked;
    }
    return Answer{};
  };

  contained();

  EXPECT_GT(looked, 300U);
}

enum class Capabilities { All, OfAContainer };

// Done by a process of a container that shares the host's pid namespace: root, with the
// capabilities that engines give. Its exit status is the errno of what it tried.
int tried_in_container(Capabilities capabilities, const std::function<int()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (capabilities == Capabilities::OfAContainer) {
      const cap_t set = ::cap_from_text(
          "cap_chown,cap_dac_override,cap_fsetid,cap_fowner,cap_mknod,cap_net_raw,cap_setgid,"
          "cap_setuid,cap_setfcap,cap_setpcap,cap_net_bind_service,cap_sys_chroot,cap_kill,"
          "cap_audit_write=eip");
      if (set == nullptr || ::cap_set_proc(set) != 0) ::_exit(255);
    }
    errno = 0;
    const bool done = attempt() >= 0;
    ::_exit(done ? 0 : errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// What somebody who can see the hook's process tries on it.
std::map<std::string, std::function<int()>> attempts_on(pid_t pid, std::uint64_t address) {
  const auto directory = "/proc/" + std::to_string(pid);
  const auto opens = [directory](const char* name, int flags) {
    return [path = directory + name, flags] { return ::open(path.c_str(), flags | O_CLOEXEC); };
  };
  return {{"write to its program", opens("/exe", O_WRONLY)},
          {"read its program", opens("/exe", O_RDONLY)},
          {"write to its memory", opens("/mem", O_RDWR)},
          {"read its memory", opens("/mem", O_RDONLY)},
          {"its root", opens("/root", O_RDONLY)},
          {"its directory", opens("/cwd", O_RDONLY)},
          {"its descriptors", opens("/fd/0", O_RDONLY)},
          {"its environment", opens("/environ", O_RDONLY)},
          {"its mount namespace", opens("/ns/mnt", O_RDONLY)},
          {"trace it",
           [pid] { return static_cast<int>(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr)); }},
          {"take a descriptor",
           [pid] {
             const auto process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
             return static_cast<int>(::syscall(SYS_pidfd_getfd, process, 0, 0));
           }},
          {"read from it", [pid, address] {
             char byte = 0;
             const iovec here{.iov_base = &byte, .iov_len = 1};
             const iovec there{.iov_base = reinterpret_cast<void*>(address), .iov_len = 1};
             return static_cast<int>(::process_vm_readv(pid, &here, 1, &there, 1, 0));
           }}};
}

TEST_P(Hygiene, B03_AContainerThatSeesTheHook) {
  // The hook ends itself if it takes too long, and a sanitized test takes long to fork.
  constexpr std::size_t kPoints = kSanitized ? 5 : 20;
  constexpr std::size_t kEvery = 600 / kPoints;
  std::size_t calls = 0;
  std::size_t points = 0;
  bool started = false;
  scene().watch = [&](const WatchedCall& call) {
    started = started || is_start_of_hook(call);
    if (!started || points == kPoints || calls++ % kEvery != 0) return Answer{};
    ++points;
    for (const auto& [what, attempt] : attempts_on(call.pid, call.arguments[1])) {
      const int error = tried_in_container(Capabilities::OfAContainer, attempt);
      EXPECT_THAT(error, AnyOf(EACCES, EPERM))
          << what << " at call " << calls << ", " << call.name() << ": " << std::strerror(error);
    }
    // Otherwise this would show nothing: who may, can.
    const auto attempt = attempts_on(call.pid, 0).at("write to its memory");
    EXPECT_EQ(tried_in_container(Capabilities::All, attempt), 0);
    return Answer{};
  };

  contained();

  EXPECT_EQ(points, kPoints);
}

TEST_P(Hygiene, B05_ControllingTerminal) {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()) + ::unlockpt(terminal.get()), 0);
  const std::string name = ::ptsname(terminal.get());
  scene().before = [&] {
    if (::setsid() < 0) ::_exit(126);
    const int fd = ::open(name.c_str(), O_RDWR);  // becomes the session's
    if (::ioctl(fd, TIOCSCTTY, 0) != 0) ::_exit(126);
  };
  std::size_t asked = 0;
  scene().watch = [&](const WatchedCall& call) {
    if (call.number == SYS_ioctl) {
      EXPECT_EQ(call.arguments[1], static_cast<std::uint64_t>(TCGETS));  // isatty(3)
      ++asked;
    }
    if (call.number == SYS_openat || call.number == SYS_open) {
      EXPECT_NE(call.text(call.number == SYS_openat ? 1 : 0), "/dev/tty");
    }
    return Answer{};
  };

  contained();

  EXPECT_GT(asked, 0U);
  char byte = 0;
  EXPECT_EQ(::read(terminal.get(), &byte, 1), -1) << "something was written to the terminal";
}

INSTANTIATE_TEST_SUITE_P(Kernel, Hygiene, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
