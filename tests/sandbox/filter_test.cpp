// SPDX-License-Identifier: Apache-2.0
// What each filter forbids and allows, asked of the kernel: a process of its own loads the filter
// that ships, makes one call, and is looked at.
#include "sandbox/filter.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nvhook::sandbox {
namespace {

constexpr int kDir = 9;  // a directory's descriptor
constexpr unsigned kByDescriptor = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

constexpr int kNobody = 0x7ffffff0;  // a process number beyond the kernel's largest

// A call and its arguments. None would do anything if it were let through: they name no process and
// point nowhere.
struct Call {
  std::string_view what;
  long number;
  std::array<unsigned long, 6> arguments = {};

  friend std::ostream& operator<<(std::ostream& out, const Call& call) { return out << call.what; }
};

template <class... Arguments>
Call call(std::string_view what, long number, Arguments... arguments) {
  return {what, number, {static_cast<unsigned long>(arguments)...}};
}

// How a process ends that makes this call under these filters: 0, or by a signal.
int end_of(std::initializer_list<Filter> filters, const Call& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (const auto filter : filters) {
      const auto program = program_of(filter, Build::Plain);
      const sock_fprog all{.len = static_cast<unsigned short>(program.size()),
                           .filter = const_cast<sock_filter*>(program.data())};
      if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) != 0) ::_exit(1);
    }
    const auto& [a, b, c, d, e, f] = call.arguments;
    ::syscall(call.number, a, b, c, d, e, f);
    ::syscall(SYS_exit_group, 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

int end_in_parser(const Call& call) { return end_of({Filter::Parser}, call); }
int end_in_prepare(const Call& call) { return end_of({Filter::Prepare}, call); }
int end_in_place(const Call& call) { return end_of({Filter::Prepare, Filter::Place}, call); }
int end_in_tell(const Call& call) { return end_of({Filter::Tell}, call); }

constexpr unsigned long kAtCwd = static_cast<unsigned>(AT_FDCWD);
constexpr auto kCharacterDevice = S_IFCHR | 0666U;

// No phase has any use for these.
const std::vector<Call> kNever = {
    call("execve", SYS_execve),
    call("execveat", SYS_execveat, kDir, 0, 0, 0, AT_EMPTY_PATH),
    call("a thread", SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD),
    call("a process", SYS_clone, SIGCHLD),
    call("a user namespace", SYS_clone, CLONE_NEWUSER | SIGCHLD),
    call("clone3", SYS_clone3),
#if defined(__x86_64__)
    call("fork", SYS_fork),
    call("vfork", SYS_vfork),
    call("a call of x32", 0x40000000L | SYS_getpid),
#endif
    call("unshare", SYS_unshare, CLONE_NEWUSER),
    call("ptrace", SYS_ptrace, PTRACE_ATTACH, kNobody),
    call("reading another's memory", SYS_process_vm_readv, kNobody),
    call("writing another's memory", SYS_process_vm_writev, kNobody),
    call("taking another's descriptor", SYS_pidfd_getfd, 3),
    call("comparing with another", SYS_kcmp, kNobody),
    call("a signal to another", SYS_kill, kNobody, SIGUSR1),
    call("a queued signal", SYS_rt_sigqueueinfo, kNobody, SIGTERM),
    call("a BPF map", SYS_bpf, BPF_MAP_CREATE),
    call("another's BPF map", SYS_bpf, BPF_MAP_GET_FD_BY_ID),
    call("a BPF object by path", SYS_bpf, BPF_OBJ_GET),
    call("a BPF object for later", SYS_bpf, BPF_OBJ_PIN),
    call("a BPF program that runs", SYS_bpf, BPF_PROG_TEST_RUN),
    call("a BPF tracepoint", SYS_bpf, BPF_RAW_TRACEPOINT_OPEN),
    call("a BPF link", SYS_bpf, BPF_LINK_CREATE),
    call("bpf, odd", SYS_bpf, 0x100000000UL | BPF_MAP_CREATE),
    call("perf_event_open", SYS_perf_event_open),
    call("userfaultfd", SYS_userfaultfd),
    call("io_uring_setup", SYS_io_uring_setup, 1),
    call("keyctl", SYS_keyctl),
    call("add_key", SYS_add_key),
    call("init_module", SYS_init_module),
    call("finit_module", SYS_finit_module, kDir),
    call("delete_module", SYS_delete_module),
    call("kexec_load", SYS_kexec_load, 0, 0, 0, -1),
    call("reboot", SYS_reboot),
    call("syslog", SYS_syslog),
    call("quotactl", SYS_quotactl),
    call("swapon", SYS_swapon),
    call("setting the clock", SYS_clock_settime),
    call("a socket", SYS_socket, AF_INET, SOCK_STREAM),
    call("a pair of sockets", SYS_socketpair, AF_UNIX, SOCK_STREAM),
    call("a file by number", SYS_open_by_handle_at, kDir),
    call("a file in memory", SYS_memfd_create),
    call("chroot", SYS_chroot),
    call("pivot_root", SYS_pivot_root),
    call("a device node", SYS_mknodat, kDir, 0, kCharacterDevice, 1),
    call("owner of a file", SYS_fchownat, kDir, 0, 0, 0, 0),
    call("attribute of a file", SYS_setxattr),
    call("a hard link", SYS_linkat, kDir, 0, kDir, 0, 0),
    call("another uid", SYS_setuid, 1000),
    call("three other uids", SYS_setresuid, 1000, 1000, 1000),
    call("other groups", SYS_setgroups),
    call("dumpable again", SYS_prctl, PR_SET_DUMPABLE, 1),
    call("another personality", SYS_personality),
    call("code that was data", SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC),
    call("new code", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
    call("a file as memory", SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, kDir),
    call("typing on a terminal", SYS_ioctl, 0, TIOCSTI),
    call("taking a terminal", SYS_ioctl, 0, TIOCSCTTY),
    call("a new limit", SYS_prlimit64, kNobody),
};

const std::vector<Call> kNotInParser = {
    call("connect", SYS_connect, 0),
    call("openat", SYS_openat, kAtCwd),
    call("openat2", SYS_openat2, kDir),
#if defined(__x86_64__)
    call("open", SYS_open),
#endif
    call("read", SYS_read, 0),
    call("write to standard error", SYS_write, 2),
    call("receive from elsewhere", SYS_recvfrom, 3),
    call("send elsewhere", SYS_sendto, 3),
    call("send elsewhere in parts", SYS_sendmsg, 2),
    call("kill the parent", SYS_kill, kNobody, SIGKILL),
    call("abort the parent", SYS_tgkill, kNobody, kNobody, SIGABRT),
    call("dup", SYS_dup, 0),
    call("fcntl", SYS_fcntl, 0, F_GETFL),
    call("stat", SYS_newfstatat, kDir),
    call("capset", SYS_capset),
    call("another filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER),
    call("setns", SYS_setns, kDir, CLONE_NEWNS),
    call("mount", SYS_mount),
    call("move_mount", SYS_move_mount, kDir, 0, kDir, 0, kByDescriptor),
    call("bpf", SYS_bpf, BPF_PROG_LOAD),
    call("kill by pidfd", SYS_pidfd_send_signal, kDir, SIGKILL),
};

const std::vector<Call> kNotInPrepare = {
    call("connect", SYS_connect, 0),
    call("a signal that supervision does not hand on", SYS_kill, kNobody, SIGSTOP),
    call("a pid namespace to enter", SYS_setns, kDir, CLONE_NEWPID),
    call("any namespace to enter", SYS_setns, kDir, 0),
    call("two namespaces at once", SYS_unshare, CLONE_NEWNS | CLONE_NEWUSER),
    call("a mount without a bind", SYS_mount, 0, 0, 0, 0, 0),
    call("move_mount by path", SYS_move_mount, kAtCwd, 0, kAtCwd, 0, MOVE_MOUNT_T_EMPTY_PATH),
    call("link from the working directory", SYS_symlinkat, 0, kAtCwd),
};

// Names below the working directory lead to the runtime's view of the host.
const std::vector<Call> kNotInPlace = {
    call("connect", SYS_connect, 0),
    call("openat by path", SYS_openat, kAtCwd, 0, O_PATH | O_NOFOLLOW),
    call("openat by path, widened", SYS_openat, 0xffffffffffffff9cUL, 0, O_PATH | O_NOFOLLOW),
    call("openat by path, odd", SYS_openat, 0x1ffffff9cUL, 0, O_PATH | O_NOFOLLOW),
    call("openat that follows links", SYS_openat, kDir, 0, O_RDONLY),
    call("openat2 by path", SYS_openat2, kAtCwd),
    call("stat by path", SYS_newfstatat, kAtCwd),
    call("statx by path", SYS_statx, kAtCwd),
    call("readlink by path", SYS_readlinkat, kAtCwd),
    call("mkdir by path", SYS_mkdirat, kAtCwd),
    call("file by path", SYS_mknodat, kAtCwd, 0, S_IFREG | 0444),
    call("fifo", SYS_mknodat, kDir, 0, S_IFIFO | 0444),
    call("link by path", SYS_symlinkat, 0, kAtCwd),
    call("unlink by path", SYS_unlinkat, kAtCwd),
    call("rename to a path", SYS_renameat2, kDir, 0, kAtCwd, 0, RENAME_EXCHANGE),
    call("rename over a path", SYS_renameat2, kDir, 0, kAtCwd, 0, 0),
    call("file that may be there", SYS_openat, kDir, 0, O_WRONLY | O_CREAT | O_NOFOLLOW),
    call("file that is cut", SYS_openat, kDir, 0, O_WRONLY | O_TRUNC | O_NOFOLLOW),
#if defined(__x86_64__)
    call("open", SYS_open),
    call("readlink", SYS_readlink),
    call("mkdir", SYS_mkdir),
    call("unlink", SYS_unlink),
#endif
    call("move_mount from a path", SYS_move_mount, kDir, 0, kDir, 0, MOVE_MOUNT_T_EMPTY_PATH),
    call("move_mount to a path", SYS_move_mount, kDir, 0, kDir, 0, MOVE_MOUNT_F_EMPTY_PATH),
    call("move_mount through links", SYS_move_mount, kDir, 0, kDir, 0,
         kByDescriptor | MOVE_MOUNT_T_SYMLINKS),
    call("move_mount of the working directory", SYS_move_mount, kAtCwd, 0, kDir, 0, kByDescriptor),
    call("umount that can hang", SYS_umount2, 0, 0),
    call("umount by force", SYS_umount2, 0, MNT_FORCE),
    call("open_tree", SYS_open_tree, kDir, 0, OPEN_TREE_CLONE | AT_EMPTY_PATH),
    call("fsopen", SYS_fsopen),
    call("fsmount", SYS_fsmount, -1),
    call("a process in a private namespace", SYS_clone, CLONE_FILES | CLONE_NEWNS | SIGCHLD),
    call("a private namespace", SYS_unshare, CLONE_NEWNS),
    call("a user namespace to enter", SYS_setns, kDir, CLONE_NEWUSER),
    call("a pipe", SYS_pipe2),
    call("a descriptor in place of another", SYS_dup3, kDir, kDir + 1),
    call("mount_setattr", SYS_mount_setattr, kDir),
    call("mount of a file system", SYS_mount, 0, 0, 0, 0, 0),
    call("mount moved", SYS_mount, 0, 0, 0, MS_MOVE, 0),
    call("mount shared", SYS_mount, 0, 0, 0, MS_SHARED, 0),
    call("bind of a whole tree", SYS_mount, 0, 0, 0, MS_BIND | MS_REC, 0),
    call("remount of a file system", SYS_mount, 0, 0, 0, MS_REMOUNT, 0),
    call("setns", SYS_setns, kDir, CLONE_NEWNS),
    call("another fsuid", SYS_setfsuid, 0),
    call("other capabilities", SYS_capset),
    call("another filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER),
    call("any signal", SYS_kill, kNobody, SIGKILL),
    call("any signal to a thread", SYS_tgkill, kNobody, kNobody, SIGKILL),
    call("a fork", SYS_clone, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD),
    call("a process to look at", SYS_pidfd_open, kNobody),
    call("send", SYS_sendto, kDir),
};

// Files below systemd's folder, and nothing else of the machine.
const std::vector<Call> kNotInTell = {
    call("openat by path", SYS_openat, kAtCwd, 0, O_RDONLY),
    call("openat2 by path", SYS_openat2, kAtCwd),
#if defined(__x86_64__)
    call("open", SYS_open),
    call("rename", SYS_rename),
    call("unlink", SYS_unlink),
#endif
    call("stat by path", SYS_newfstatat, kAtCwd),
    call("unlink by path", SYS_unlinkat, kAtCwd),
    call("mkdir by path", SYS_mkdirat, kAtCwd),
    call("rename to a path", SYS_renameat2, kDir, 0, kAtCwd, 0, 0),
    call("a link", SYS_symlinkat, 0, kDir),
    call("a file that is no regular one", SYS_mknodat, kDir, 0, S_IFIFO | 0444),
    call("a mode by path", SYS_fchmodat, kDir, 0, 0777),
    call("a socket of the kernel's", SYS_socket, AF_NETLINK, SOCK_RAW),
    call("a server", SYS_bind, kDir),
    call("a fork", SYS_clone, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD),
    call("a signal", SYS_kill, kNobody, SIGKILL),
    call("mount", SYS_mount, 0, 0, 0, MS_BIND, 0),
    call("setns", SYS_setns, kDir, CLONE_NEWNS),
    call("other capabilities", SYS_capset),
    call("another filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER),
};

TEST(Filter, ForbidsInEveryPhaseWhatNoneNeeds) {
  for (const auto& each : kNever) {
    EXPECT_EQ(end_in_parser(each), SIGSYS) << each;
    EXPECT_EQ(end_in_prepare(each), SIGSYS) << each;
    EXPECT_EQ(end_in_place(each), SIGSYS) << each;
    EXPECT_EQ(end_in_tell(each), SIGSYS) << each;
  }
}

TEST(Filter, LeavesTheParserItsSocketOnly) {
  for (const auto& each : kNotInParser) EXPECT_EQ(end_in_parser(each), SIGSYS) << each;
}

TEST(Filter, ForbidsInPreparationWhatOnlyOthersDo) {
  for (const auto& each : kNotInPrepare) EXPECT_EQ(end_in_prepare(each), SIGSYS) << each;
}

TEST(Filter, ForbidsPathsAndPreparationsInTheContainer) {
  for (const auto& each : kNotInPlace) EXPECT_EQ(end_in_place(each), SIGSYS) << each;
}

TEST(Filter, LeavesNvhookSystemdItsSocketsAndOneFolder) {
  for (const auto& each : kNotInTell) EXPECT_EQ(end_in_tell(each), SIGSYS) << each;
}

// That a filter is not simply closed; the whole runs of other tests show the rest.
TEST(Filter, LetsThroughWhatItsPhaseDoes) {
  const auto memory =
      call("memory", SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  EXPECT_EQ(end_in_parser(memory), 0);
  EXPECT_EQ(end_in_parser(call("receive", SYS_recvfrom, 0)), 0);
  EXPECT_EQ(end_in_prepare(call("open by path", SYS_openat, kAtCwd)), 0);
  EXPECT_EQ(end_in_place(call("open", SYS_openat2, kDir)), 0);
  EXPECT_EQ(end_in_place(call("move", SYS_move_mount, kDir, 0, kDir, 0, kByDescriptor)), 0);
  EXPECT_EQ(end_in_place(call("file", SYS_mknodat, kDir, 0, S_IFREG | 0444)), 0);
  EXPECT_EQ(end_in_place(call("new file", SYS_openat, kDir, 0, O_CREAT | O_EXCL | O_NOFOLLOW)), 0);
  for (const auto command : {BPF_PROG_QUERY, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD,
                             BPF_PROG_LOAD, BPF_PROG_ATTACH})
    EXPECT_EQ(end_in_place(call("a device program", SYS_bpf, command)), 0) << command;
  EXPECT_EQ(end_in_place(call("abort", SYS_tgkill, kNobody, kNobody, SIGABRT)), 0);
  EXPECT_EQ(end_in_tell(call("a socket", SYS_socket, AF_UNIX, SOCK_STREAM)), 0);
  EXPECT_EQ(end_in_tell(call("open", SYS_openat2, kDir)), 0);
}

// A kernel that is older than seccomp's calls (5.2 and before) has the ways of then.
TEST(Filter, LetsThroughWhatAnOlderKernelNeeds) {
  EXPECT_EQ(end_in_place(call("asking for openat2", SYS_openat2, -1)), 0);
  EXPECT_EQ(end_in_place(call("walking", SYS_openat, kDir, 0, O_PATH | O_NOFOLLOW)), 0);
  EXPECT_EQ(end_in_place(call("bind", SYS_mount, 0, 0, 0, MS_BIND, 0)), 0);
  EXPECT_EQ(end_in_place(call("restrict", SYS_mount, 0, 0, 0,
                              MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, 0)),
            0);
  EXPECT_EQ(end_in_place(call("private", SYS_mount, 0, 0, 0, MS_PRIVATE, 0)), 0);
  EXPECT_EQ(end_in_place(call("detach", SYS_bpf, BPF_PROG_DETACH)), 0);
}

#if defined(__x86_64__)
// getpid of 32-bit programs (20), which is writev of 64-bit ones.
void call_as_i386() {
  long result = 20;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "cc", "r8", "r9", "r10", "r11");
}

TEST(Filter, ForbidsCallsOfAnotherArchitecture) {
  const auto end = [](bool filtered) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const auto program = program_of(Filter::Prepare, Build::Plain);
      const sock_fprog all{.len = static_cast<unsigned short>(program.size()),
                           .filter = const_cast<sock_filter*>(program.data())};
      if (filtered && ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) != 0) ::_exit(1);
      call_as_i386();
      ::syscall(SYS_exit_group, 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  };

  // A kernel without such calls forbids them by itself.
  EXPECT_THAT(end(false), ::testing::AnyOf(0, SIGSEGV));
  EXPECT_THAT(end(true), ::testing::AnyOf(SIGSYS, SIGSEGV));
  EXPECT_NE(end(true), 0);
}
#endif

// The kernel compiles each step whenever a filter is loaded.
TEST(Filter, HasNoStepThatMasksEverythingAway) {
  for (const auto filter :
       {Filter::Parser, Filter::Prepare, Filter::Place, Filter::Sweep, Filter::Tell})
    for (const auto& step : program_of(filter, Build::Plain))
      EXPECT_FALSE(step.code == (BPF_ALU | BPF_AND | BPF_K) && step.k == 0)
          << "filter " << std::to_underlying(filter);
}

}  // namespace
}  // namespace nvhook::sandbox
