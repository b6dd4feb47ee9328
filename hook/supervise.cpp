// SPDX-License-Identifier: Apache-2.0
#include "supervise.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>

#include "nvhook/base/quote.hpp"

namespace nvhook {
namespace {

using Clock = std::chrono::steady_clock;

// One that was killed ends at once, unless the kernel does not let it.
constexpr std::chrono::milliseconds kGrace{200};

// Types of mountinfo. Those of servers and other processes, by how they begin: fuseblk, nfs4,
// virtiofs (FUSE of a virtual machine), pvfs2 (OrangeFS), ...
bool is_served(std::string_view type) {
  constexpr std::array<std::string_view, 11> kFamilies = {
      "fuse", "virtiofs", "nfs", "cifs", "smb", "9p", "ceph", "afs", "gpfs", "lustre", "pvfs2"};
  if (type == "fusectl") return false;  // the kernel's own, where FUSE is controlled
  return std::ranges::any_of(kFamilies,
                             [&](std::string_view family) { return type.starts_with(family); });
}

// Those that answer out of memory or a disk of this machine.
bool is_local(std::string_view type) {
  constexpr std::array<std::string_view, 12> kTypes = {"ext4",  "xfs",      "btrfs", "tmpfs",
                                                       "ramfs", "zfs",      "f2fs",  "ext3",
                                                       "ext2",  "bcachefs", "erofs", "squashfs"};
  return std::ranges::find(kTypes, type) != kTypes.end();
}

// Those that say that somebody wants us to end, and the one that the second process has.
sigset_t awaited_signals() {
  sigset_t set{};
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM})
    ::sigaddset(&set, signal);
  return set;
}

// The next signal; 0 if the time is over.
int next_signal(const sigset_t& set, Clock::time_point deadline) {
  for (;;) {
    const auto left = deadline - Clock::now();
    if (left.count() <= 0) return 0;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec most{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    const int signal = ::sigtimedwait(&set, nullptr, &most);
    if (signal > 0) return signal;
    if (errno != EINTR) return 0;
  }
}

// Ends as the other has ended.
[[noreturn]] void end_like(int status) {
  if (WIFSIGNALED(status)) {
    sigset_t all{};
    ::sigfillset(&all);
    std::signal(WTERMSIG(status), SIG_DFL);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
    ::raise(WTERMSIG(status));
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : exit_status_of(ErrorId::Kernel));
}

// Ends this process if the other has ended by then.
void wait_until(Clock::time_point deadline, pid_t worker, const sigset_t& set) {
  for (;;) {
    int status = 0;
    if (::waitpid(worker, &status, WNOHANG) == worker) end_like(status);
    const int signal = next_signal(set, deadline);
    if (signal == 0 || signal == SIGALRM) return;
    if (signal != SIGCHLD) ::kill(worker, signal);
  }
}

}  // namespace

void limit_time() { ::alarm(kLastResort); }

bool may_wait_for_others(const std::vector<container::MountEntry>& mounts,
                         std::string_view rootfs) {
  while (rootfs.size() > 1 && rootfs.ends_with('/')) rootfs.remove_suffix(1);
  std::string_view type;
  for (const auto& mount : mounts)  // the last one lies over the others
    if (mount.mount_point == rootfs) type = mount.file_system;
  if (is_served(type)) return true;
  return !is_local(type) &&
         std::ranges::any_of(mounts, is_served, &container::MountEntry::file_system);
}

Result<void> continue_supervised(std::string_view rootfs, Journal& journal) {
  const auto deadline = Clock::now() + std::chrono::seconds(kPatience);
  const auto awaited = awaited_signals();
  sigset_t before{};
  ::sigprocmask(SIG_BLOCK, &awaited, &before);
  const pid_t first = ::getpid();
  const pid_t worker = ::fork();
  if (worker < 0) {
    auto failed = system_failure(ErrorId::Kernel, "fork");
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return failed;
  }
  if (worker == 0) {
    // Should the first be killed, nobody would wait for what this one does.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (::getppid() != first) ::_exit(exit_status_of(ErrorId::Interrupted));  // it was, just now
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return {};
  }

  wait_until(deadline, worker, awaited);
  ::kill(worker, SIGKILL);
  journal.error(Error(ErrorId::Deadline,
                      "the root file system " + quote(rootfs) + " did not answer within " +
                          std::to_string(kPatience) +
                          " s; somebody else serves it (FUSE, NFS, ...): see whether ls answers "
                          "there"));
  const auto id = exit_status_of(ErrorId::Deadline);
  const auto grace = Clock::now() + kGrace;
  while (::waitpid(worker, nullptr, WNOHANG) == 0 && next_signal(awaited, grace) != 0) {
  }
  ::_exit(id);
}

}  // namespace nvhook
