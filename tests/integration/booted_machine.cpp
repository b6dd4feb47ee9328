// SPDX-License-Identifier: Apache-2.0
#include "integration/booted_machine.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/v2_cgroup.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBootPatience{60};  // it takes half a second; this is a loaded one
constexpr std::chrono::seconds kEndPatience{20};
constexpr std::chrono::milliseconds kPause{20};

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string of_process(pid_t pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// Whether the process is the first one of a pid namespace of its own, and systemd already.
bool is_systemd_as_init(pid_t pid) {
  std::istringstream lines(text_of(of_process(pid, "status")));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("NSpid:"))
      return line.ends_with("\t1") && text_of(of_process(pid, "comm")) == "systemd\n";
  return false;
}

// Its child, which systemd-nspawn has made its payload's init; -1 until then.
pid_t init_below(pid_t nspawn) {
  const auto own = std::to_string(nspawn);
  std::istringstream children(text_of(of_process(nspawn, "task/" + own + "/children")));
  for (pid_t child = -1; children >> child;)
    if (is_systemd_as_init(child)) return child;
  return -1;
}

template <class Condition>
bool becomes_true(std::chrono::seconds patience, const Condition& condition) {
  for (const auto give_up = Clock::now() + patience; Clock::now() < give_up;
       std::this_thread::sleep_for(kPause))
    if (condition()) return true;
  return condition();
}

// From below: a cgroup with others in it cannot be removed.
void remove_cgroups(const fs::path& top) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(top, ignored))
    if (entry.is_directory(ignored)) remove_cgroups(entry.path());
  ::rmdir(top.c_str());
}

}  // namespace

std::string machines_unavailable() {
  if (::geteuid() != 0) return "needs root";
  if (test::run({"systemd-nspawn", "--version"}).status != 0)
    return "needs systemd-nspawn (Debian: systemd-container)";
  return {};
}

BootedMachine::BootedMachine() {
  scratch_.directory("/root").directory("/upper").directory("/work").directory("/cgroup");
  const auto options =
      "lowerdir=" NVHOOK_ROOTS "/systemd,upperdir=" + scratch_.on_disk("/upper").string() +
      ",workdir=" + scratch_.on_disk("/work").string();
  const auto root = scratch_.on_disk("/root");
  const auto hierarchy = scratch_.on_disk("/cgroup");
  const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) == 0 &&
                       ::mount("cgroup2", hierarchy.c_str(), "cgroup2", 0, nullptr) == 0;
  if (!mounted) {
    trouble_ = std::string("mounts: ") + std::strerror(errno);
    return;
  }
  cgroup_ = hierarchy / scratch_.on_disk().filename();
  fs::create_directory(cgroup_);
  boot();
  if (!wait_until_up()) trouble_ = "it said: " + text_of(scratch_.on_disk("/console"));
}

BootedMachine::~BootedMachine() {
  if (nspawn_ > 0) {
    ::kill(nspawn_, SIGKILL);
    while (::waitpid(nspawn_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  const bool gone = cgroup_.empty() || becomes_true(kEndPatience, [&] {
                      remove_cgroups(cgroup_);
                      return !fs::exists(cgroup_);
                    });
  EXPECT_TRUE(gone) << cgroup_;
  ::umount2(scratch_.on_disk("/cgroup").c_str(), MNT_DETACH);
  ::umount2(scratch_.on_disk("/root").c_str(), MNT_DETACH);
}

// In a pid namespace of its own, with which all ends that it has started.
void BootedMachine::boot() {
  nspawn_ = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | CLONE_NEWNS, nullptr,
                                         nullptr, nullptr, nullptr));
  if (nspawn_ == 0) become_nspawn();
}

// All capabilities and system calls that this machine has: its PID 1 shall load device programs.
void BootedMachine::become_nspawn() const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // with the test, whatever becomes of that
  ::setsid();
  move_to_cgroup(0, cgroup_);
  const int console =
      ::open(scratch_.on_disk("/console").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (!show_cgroup_v2_only() || ::mount("proc", "/proc", "proc", 0, nullptr) != 0 ||
      ::dup2(nothing, 0) < 0 || ::dup2(console, 1) < 0 || ::dup2(console, 2) < 0)
    ::_exit(126);
  const auto directory = "--directory=" + scratch_.on_disk("/root").string();
  const auto name = "--machine=" + scratch_.on_disk().filename().string();
  ::execlp("systemd-nspawn", "systemd-nspawn", directory.c_str(), name.c_str(), "--register=no",
           "--keep-unit", "--boot", "--console=pipe", "--capability=all",
           "--system-call-filter=@known", nullptr);
  ::_exit(127);
}

bool BootedMachine::wait_until_up() {
  std::string state;
  const auto has_ended = [&] {
    if (::waitpid(nspawn_, nullptr, WNOHANG) == nspawn_) nspawn_ = -1;
    return nspawn_ < 0;
  };
  const auto is_up = [&] {
    if (init_ < 0) init_ = init_below(nspawn_);
    if (init_ > 0) state = run({"systemctl", "is-system-running"}).out;
    return state == "running\n" || state == "degraded\n";
  };
  return becomes_true(kBootPatience, [&] { return has_ended() || is_up(); }) && nspawn_ > 0;
}

Finished BootedMachine::run(const std::vector<std::string>& arguments,
                            std::string_view input) const {
  std::vector<std::string> all = {"nsenter", "--target", std::to_string(init_),
                                  "--mount", "--uts",    "--ipc",
                                  "--net",   "--pid",    "--cgroup",
                                  "--root",  "--wd",     "--"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return test::run(all, input);
}

fs::path BootedMachine::file(const fs::path& path) const {
  return of_process(init_, "root") / path.relative_path();
}

void BootedMachine::copy_in(const fs::path& from, const fs::path& to) const {
  fs::create_directories(file(to.parent_path()));
  // std::filesystem::copy makes no device nodes.
  const auto copied = test::run({"cp", "-a", "-T", from, file(to)});
  EXPECT_EQ(copied.status, 0) << copied.err;
}

void BootedMachine::copy_in_program(const fs::path& from, const fs::path& to) const {
  copy_in(from, to);
  std::istringstream words(test::run({"ldd", from}).out);  // of a static one it is an error
  for (std::string word; words >> word;)
    if (word.starts_with('/') && !fs::exists(file(word))) copy_in(fs::canonical(word), word);
}

}  // namespace nvhook::test
