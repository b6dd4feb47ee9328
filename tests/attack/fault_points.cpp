// SPDX-License-Identifier: Apache-2.0
#include "attack/fault_points.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>

#include "attack/start_of_hook.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

bool is_of(int call, std::initializer_list<int> group) {
  return std::ranges::find(group, call) != group.end();
}

// Calls that have no error. brk(2) as the kernel has it tells of a failure by another address.
bool never_fails(int call) {
  return is_of(call, {SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid,
                      SYS_getegid, SYS_umask, SYS_sched_yield, SYS_set_robust_list, SYS_brk});
}

// The sanitizers' runtime ends the program where it gets no memory, or cannot find out by a pipe
// whether it has some at an address.
bool is_of_a_sanitizer(const WatchedCall& call) {
  return is_of(call.number,
               {SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_pipe2}) ||
         (call.number == SYS_write && call.arguments[2] == 2 * sizeof(void*));
}

}  // namespace

int usual_error(int call) {
  if (is_of(call, {SYS_openat, SYS_openat2, SYS_open_tree, SYS_socketpair, SYS_pidfd_open, SYS_dup2,
                   SYS_dup3, SYS_fcntl}))
    return EMFILE;
  if (is_of(call, {SYS_mknodat, SYS_mkdirat, SYS_symlinkat, SYS_renameat2, SYS_move_mount}))
    return ENOSPC;
  if (is_of(call, {SYS_mount_setattr, SYS_setns, SYS_prctl, SYS_capset, SYS_seccomp, SYS_umount2,
                   SYS_setfsuid, SYS_setfsgid}))
    return EPERM;
  if (is_of(call, {SYS_read, SYS_pread64, SYS_write, SYS_getdents64, SYS_close})) return EIO;
  if (is_of(call, {SYS_clone, SYS_clone3, SYS_fork})) return EAGAIN;
  if (is_of(call, {SYS_close_range})) return ENOSYS;
  return ENOMEM;
}

std::optional<Point> Counter::next(const WatchedCall& call) {
  started_ = started_ || (call.by_program && is_start_of_hook(call));
  if (!started_) return std::nullopt;
  auto& count = call.by_program ? of_program_ : of_parser_;
  return Point{.by_program = call.by_program,
               .nth = ++count,
               .call = call.number,
               .can_fail = !never_fails(call.number) && !(kSanitized && is_of_a_sanitizer(call))};
}

}  // namespace nvhook::test
