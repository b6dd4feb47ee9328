// SPDX-License-Identifier: Apache-2.0
#include "support/v2_cgroup.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "support/fake_root.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

fs::path make_below(const fs::path& parent) {
  auto name = (parent / "nvhook-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();  // the machine was said to be able to
  return name;
}

// What `act` gives in a process that lives in the cgroup.
int in_cgroup(const fs::path& cgroup, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    move_to_cgroup(0, cgroup);
    ::_exit(act());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

bool show_cgroup_v2_only() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  while (::umount2("/sys/fs/cgroup", MNT_DETACH) == 0) {
  }
  return ::mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr) == 0;
}

CgroupV2Only::CgroupV2Only() : before_(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)) {
  if (!before_ || ::unshare(CLONE_NEWNS) != 0 || !show_cgroup_v2_only()) std::abort();
}

CgroupV2Only::~CgroupV2Only() {
  if (::setns(before_.get(), CLONE_NEWNS) != 0) std::abort();
}

void move_to_cgroup(pid_t pid, const fs::path& cgroup) {
  std::ofstream procs(cgroup / "cgroup.procs");
  procs << pid << std::flush;
  if (!procs) std::abort();
}

V2Cgroup::V2Cgroup(const fs::path& parent)
    : parent_(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), path_(make_below(parent)) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  const UniqueFd ready(ends[0]);
  UniqueFd there(ends[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    move_to_cgroup(0, path_);
    if (::unshare(CLONE_NEWNS) != 0 || ::write(there.get(), "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  there = UniqueFd();
  char byte = 0;
  if (::read(ready.get(), &byte, 1) != 1) std::abort();
}

V2Cgroup::~V2Cgroup() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::unlinkat(parent_.get(), path_.filename().c_str(), AT_REMOVEDIR);
}

int V2Cgroup::open_device(unsigned major, unsigned minor, int flags) const {
  const FakeRoot scratch;
  const auto node = scratch.on_disk("/node");
  if (::mknod(node.c_str(), S_IFCHR | 0600, makedev(major, minor)) != 0) std::abort();
  return in_cgroup(path_, [&] {
    const UniqueFd fd(::open(node.c_str(), flags | O_CLOEXEC));
    return fd ? 0 : errno;
  });
}

int V2Cgroup::make_node(unsigned major, unsigned minor) const {
  const FakeRoot scratch;
  const auto node = scratch.on_disk("/node");
  return in_cgroup(path_, [&] {
    return ::mknod(node.c_str(), S_IFCHR | 0600, makedev(major, minor)) == 0 ? 0 : errno;
  });
}

}  // namespace nvhook::test
