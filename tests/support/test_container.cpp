// SPDX-License-Identifier: Apache-2.0
#include "support/test_container.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kDevices = "/sys/fs/cgroup/devices";
constexpr std::array kRuncRules = {"c *:* m",   "b *:* m",     "c 1:3 rwm",
                                   "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
                                   "c 1:9 rwm", "c 136:* rwm", "c 5:0 rwm"};

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_text(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  if (!out) {
    std::perror(path.c_str());
    std::abort();  // the machine was said to be able to
  }
}

void must(int result, const char* what) {
  if (result == 0) return;
  std::perror(what);
  ::_exit(1);
}

void set_up_mounts(const fs::path& rootfs, const TestContainer::Options& options) {
  const auto shared = options.propagation == TestContainer::Propagation::Shared;
  must(::unshare(CLONE_NEWNS), "unshare");
  must(::mount(nullptr, "/", nullptr, MS_REC | (shared ? MS_SHARED : MS_SLAVE), nullptr),
       "propagation");
  must(::mount(rootfs.c_str(), rootfs.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind root");
  must(::mount("proc", (rootfs / "proc").c_str(), "proc", 0, nullptr), "mount proc");
  if (options.dev == TestContainer::Dev::Tmpfs)
    must(::mount("tmpfs", (rootfs / "dev").c_str(), "tmpfs", MS_NOSUID, "mode=755"), "mount dev");
  for (const auto& [from, to] : options.volumes) {
    const auto at = rootfs / fs::path(to).relative_path();
    must(::mount(from.c_str(), at.c_str(), nullptr, MS_BIND, nullptr), "mount volume");
  }
}

std::string describe(const fs::directory_entry& entry) {
  struct stat status {};
  ::lstat(entry.path().c_str(), &status);
  std::ostringstream line;
  line << entry.path().string() << ' ' << std::oct << status.st_mode << std::dec << ' '
       << status.st_uid << ' ' << status.st_rdev << ' ' << status.st_size;
  if (S_ISLNK(status.st_mode)) line << " -> " << fs::read_symlink(entry.path()).string();
  return line.str();
}

}  // namespace

std::string TestContainer::unavailable() {
  if (::geteuid() != 0) return "needs root";
  if (::access((std::string(kDevices) + "/devices.allow").c_str(), F_OK) != 0 &&
      ::access((std::string(kDevices) + "/cgroup.procs").c_str(), W_OK) != 0)
    return "needs the cgroup v1 devices controller at " + std::string(kDevices);
  return {};
}

TestContainer::TestContainer(const fs::path& rootfs) : TestContainer(rootfs, Options{}) {}

TestContainer::TestContainer(const fs::path& rootfs, const Options& options)
    : rootfs_(fs::canonical(rootfs)) {
  std::array<int, 2> ready{};
  if (::pipe2(ready.data(), O_CLOEXEC) != 0) std::abort();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ready[0]);
    set_up_mounts(rootfs_, options);
    must(::prctl(PR_SET_DUMPABLE, 0), "prctl");  // as runc's init is
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char byte = 0;
  const bool up = ::read(ready[0], &byte, 1) == 1;
  ::close(ready[0]);
  if (!up) std::abort();  // it has said why

  cgroup_ = fs::path(kDevices) / ("nvhook-test-" + std::to_string(pid_));
  fs::create_directory(cgroup_);
  write_text(cgroup_ / "cgroup.procs", std::to_string(pid_));
  write_text(cgroup_ / "devices.deny", "a");
  for (const auto* rule : kRuncRules) write_text(cgroup_ / "devices.allow", rule);
}

TestContainer::~TestContainer() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::rmdir(cgroup_.c_str());
}

std::string TestContainer::state(const fs::path& bundle) const {
  return R"({"ociVersion":"1.0.2-dev","id":"test","status":"creating","pid":)" +
         std::to_string(pid_) + R"(,"bundle":")" + bundle.string() + R"("})";
}

fs::path TestContainer::inside(std::string_view path) const {
  const auto root = fs::path("/proc") / std::to_string(pid_) / "root" / rootfs_.relative_path();
  return root / fs::path(path).relative_path();
}

std::string TestContainer::mountinfo() const {
  return read_text("/proc/" + std::to_string(pid_) + "/mountinfo");
}

std::string TestContainer::device_rules() const { return read_text(cgroup_ / "devices.list"); }

std::vector<std::string> TestContainer::snapshot() const {
  std::vector<std::string> lines;
  std::istringstream text(mountinfo() + device_rules());
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  for (auto entry = fs::recursive_directory_iterator(inside("/"));
       entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->path() == inside("/proc")) {
      entry.disable_recursion_pending();
      continue;
    }
    lines.push_back(describe(*entry));
  }
  std::ranges::sort(lines);
  return lines;
}

std::string TestContainer::changes_since(const std::vector<std::string>& before) const {
  const auto after = snapshot();
  std::vector<std::string> gone;
  std::vector<std::string> made;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  std::ranges::set_difference(after, before, std::back_inserter(made));
  std::string text;
  for (const auto& line : gone) text += "- " + line + "\n";
  for (const auto& line : made) text += "+ " + line + "\n";
  return text;
}

}  // namespace nvhook::test
