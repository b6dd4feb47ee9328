// SPDX-License-Identifier: Apache-2.0
// Which system calls each part of a run may make. A row that is not self-evident says why it is
// there; one more call is one more row, with its reason. A descriptor's number and a path are not
// known here, so both go by what can be seen of them: a path is never looked at, "below a
// descriptor" means that the working directory is not named instead.
//
// Calls that only other machines have (poll on x86-64, ppoll on aarch64) stand side by side: the
// tool leaves out those that this one lacks.
#include "calls.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <initializer_list>

namespace nvhook::sandbox {
namespace {

using Rows = std::vector<Call>;

constexpr std::uint64_t kInt = 0xffffffff;       // what the kernel reads of an int
constexpr std::uint64_t kNegative = 0x80000000;  // set in AT_FDCWD, which is -100
constexpr std::uint64_t kFutexCommand = static_cast<std::uint32_t>(FUTEX_CMD_MASK);
constexpr int kMoveByDescriptor = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
constexpr std::uint64_t kBindFlags =
    MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

Condition is(unsigned argument, int value) {
  return {argument, kInt, static_cast<std::uint32_t>(value)};
}
Condition has(unsigned argument, std::uint64_t bits) { return {argument, bits, bits}; }
Condition has_none(unsigned argument, std::uint64_t bits) { return {argument, bits, 0}; }
Condition below_descriptor(unsigned argument) { return {argument, kNegative, 0}; }

Rows named(std::initializer_list<const char*> calls) {
  Rows rows;
  for (const auto* call : calls) rows.push_back({call, {}});
  return rows;
}

Rows operator+(Rows rows, const Rows& more) {
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

// Memory, time, and the end. malloc of glibc 2.36 in a process of one thread makes no other call.
const Rows kEverywhere = {
    {"brk", {}},
    {"mmap", {has_none(2, PROT_EXEC), has(3, MAP_ANONYMOUS)}},
    {"munmap", {}},
    {"mremap", {}},
    {"madvise", {}},  // of a malloc that gives memory back
    // pthread_once wakes whoever waits, though nobody can: the first exception thrown does it.
    {"futex", {{1, kFutexCommand, FUTEX_WAKE}}},
    {"clock_gettime", {}},  // processor time, and every time where the vDSO knows no clock
    {"exit_group", {}},
};

// Takes documents and gives records; its socket is descriptor 0. There is no way to a message on
// standard error, and none to a signal, not even for abort(3): one that it may send to itself could
// be sent to its parent. Then it ends by SIGSYS, which tells as much.
const Rows kParser = {
    {"recvfrom", {is(0, 0)}},
    {"sendmsg", {is(0, 0)}},
    {"sendto", {is(0, 0)}},
};

// What the main process does at any time.
const Rows kMain = {
    {"read", {}},
    {"write", {}},
    {"writev", {}},  // glibc's last words before it aborts
    {"close", {}},
    {"fstat", {}},  // of glibc 2.39 and later, newfstatat before
    {"fstatfs", {}},
    {"poll", {}},
    {"ppoll", {}},
    {"restart_syscall", {}},  // of a poll that a freezer or a debugger has interrupted
    {"getpid", {}},
    // abort(3)
    {"gettid", {}},
    {"rt_sigprocmask", {}},
    {"tgkill", {is(2, SIGABRT)}},
};

// In the container's mount namespace: everything below a descriptor. A lookup from the working
// directory ends the process, and with it every plain open(2) of a path, as somebody would write it
// by mistake. (Beside a descriptor the kernel takes an absolute path, too, which cannot be seen.)
const Rows kPlace = {
    {"openat2", {below_descriptor(0)}},
    // Asks whether the kernel has the call; opens nothing, for it has no description to go by.
    {"openat2", {is(0, -1), is(2, 0), is(3, 0)}},
    // The walk of kernels before 5.6 follows no link by the kernel's hand. Nothing is made or cut.
    {"openat", {below_descriptor(0), has(2, O_NOFOLLOW), has_none(2, O_CREAT | O_TRUNC)}},
    {"openat", {below_descriptor(0), has(2, O_PATH), has_none(2, O_CREAT | O_TRUNC)}},
    // A file of ours, under a name that nothing has.
    {"openat", {below_descriptor(0), has(2, O_CREAT | O_EXCL | O_NOFOLLOW), has_none(2, O_TRUNC)}},
    {"fsetxattr", {}},  // its label: of a file that we have open for writing
    {"newfstatat", {below_descriptor(0)}},
    {"statx", {below_descriptor(0)}},
    {"statmount", {}},  // whether a mount is shared
    {"readlinkat", {below_descriptor(0)}},
    {"mkdirat", {below_descriptor(0)}},
    {"mknodat", {below_descriptor(0), {2, S_IFMT, S_IFREG}}},
    {"symlinkat", {below_descriptor(1)}},
    {"renameat2", {below_descriptor(0), below_descriptor(2), is(4, RENAME_EXCHANGE)}},
    {"renameat2", {below_descriptor(0), below_descriptor(2), is(4, RENAME_NOREPLACE)}},
    {"renameat2", {below_descriptor(0), below_descriptor(2), is(4, 0)}},  // the loader's file
    {"renameat", {below_descriptor(0), below_descriptor(2)}},             // likewise: glibc's way
    {"unlinkat", {below_descriptor(0)}},
    {"move_mount", {below_descriptor(0), below_descriptor(2), is(4, kMoveByDescriptor)}},
    // A mount of ours by its descriptor's number in /proc/self/fd: umount takes no empty path.
    {"fchdir", {}},
    {"umount2", {is(1, MNT_DETACH)}},
    // Kernels before 5.2 bind by such numbers, too. Nothing but binds, and what restricts them.
    {"mount", {has(3, MS_BIND), has_none(3, ~kBindFlags)}},
    {"mount", {is(3, MS_PRIVATE)}},
    // There the view of the driver's directory in procfs is mounted in its place before it is
    // filled. Of which type the file system is is behind a pointer, and not seen here.
    {"mount", {is(3, MS_NOSUID | MS_NODEV | MS_NOEXEC)}},
    {"rt_sigpending", {}},  // whether somebody wants the run to end
    // The device programs of a cgroup v2: looked at, loaded, exchanged, no maps and no other
    // objects. What a program is attached to is behind a pointer, and not seen here.
    {"bpf", {is(0, BPF_PROG_QUERY)}},
    {"bpf", {is(0, BPF_PROG_GET_FD_BY_ID)}},
    {"bpf", {is(0, BPF_OBJ_GET_INFO_BY_FD)}},
    {"bpf", {is(0, BPF_PROG_LOAD)}},
    {"bpf", {is(0, BPF_PROG_ATTACH)}},
    {"bpf", {is(0, BPF_PROG_DETACH)}},  // where one step does not do: before Linux 5.6
};

// Taking away what a dead container has of ours: below a directory that is held already, nothing of
// which is followed.
const Rows kSweep = {
    {"openat2", {below_descriptor(0)}},
    {"openat2", {is(0, -1), is(2, 0), is(3, 0)}},
    {"openat", {below_descriptor(0), has(2, O_NOFOLLOW), has_none(2, O_CREAT | O_TRUNC)}},
    {"openat", {below_descriptor(0), has(2, O_PATH), has_none(2, O_CREAT | O_TRUNC)}},
    {"openat", {below_descriptor(0), has(2, O_CREAT | O_EXCL | O_NOFOLLOW), has_none(2, O_TRUNC)}},
    {"newfstatat", {below_descriptor(0)}},
    {"statx", {below_descriptor(0)}},
    {"readlinkat", {below_descriptor(0)}},
    {"getdents64", {}},  // the records of all containers
    {"symlinkat", {below_descriptor(1)}},
    {"renameat2", {below_descriptor(0), below_descriptor(2), is(4, 0)}},
    {"renameat", {below_descriptor(0), below_descriptor(2)}},  // likewise: glibc's way
    {"unlinkat", {below_descriptor(0)}},
    {"fchmod", {}},
    {"fchownat", {below_descriptor(0)}},
};

// nvhook-systemd: its socket to nvhook, one to systemd, and files below systemd's folder.
const Rows kTell = {
    {"socket", {is(0, AF_UNIX)}},
    {"connect", {}},
    {"getsockname", {}},
    {"fcntl", {is(1, F_GETFL)}},
    {"fcntl", {is(1, F_SETFL)}},
    {"fcntl", {is(1, F_SETFD)}},
    {"sendto", {}},
    {"sendmsg", {}},
    {"recvmsg", {}},
    // libdbus says who we are, and takes no address from the environment of a setuid program.
    {"geteuid", {}},
    {"getresuid", {}},
    {"getresgid", {}},
    {"openat2", {below_descriptor(0)}},
    {"openat2", {is(0, -1)}},
    {"openat", {below_descriptor(0)}},
    {"newfstatat", {below_descriptor(0)}},
    {"readlinkat", {below_descriptor(0)}},
    {"getdents64", {}},
    {"mkdirat", {below_descriptor(0)}},
    {"fchmod", {}},
    {"renameat", {below_descriptor(0), below_descriptor(2)}},
    {"renameat2", {below_descriptor(0), below_descriptor(2), is(4, 0)}},
    {"unlinkat", {below_descriptor(0)}},
};

// The two servers of nvhook-companion: one socket that listens, whoever comes to it, and one to the
// parent. None that they made themselves.
const Rows kServe = {
    {"accept4", {}},
    {"epoll_ctl", {}},
    {"epoll_wait", {}},
    {"epoll_pwait", {}},  // likewise: aarch64
    {"recvfrom", {}},
    {"recvmsg", {}},
    {"sendto", {}},
    {"sendmsg", {}},
    {"shutdown", {}},
    {"setsockopt", {}},
    {"getsockopt", {}},
    {"getsockname", {}},
    {"getpeername", {}},
    {"fcntl", {is(1, F_GETFL)}},
    {"fcntl", {is(1, F_SETFL)}},
    {"fcntl", {is(1, F_SETFD)}},
    {"fcntl", {is(1, F_DUPFD_CLOEXEC)}},  // one kept in reserve, for when there is none left
    {"gettimeofday", {}},                 // where the vDSO has none
    {"lseek", {}},                        // the time zone, for the log
};

// Reading what the host says of its driver: by name, for that is where it is.
const Rows kLook = {
    {"openat", {has_none(2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)}},
    {"openat2", {}},  // how is behind a pointer
    {"newfstatat", {}},
    {"statx", {}},
    {"readlinkat", {}},
    {"readlink", {}},
    {"getdents64", {}},
    {"pread64", {}},
    {"uname", {}},
};

// The process that keeps nvhook-nvml, when the REST process ends.
const Rows kRest = {
    {"wait4", {}},
};

// The volume plugin: what it makes and takes away is below directories that it holds.
const Rows kVolumes = {
    {"openat", {below_descriptor(0)}},
    {"mkdirat", {below_descriptor(0)}},
    {"linkat", {below_descriptor(2)}},
    {"symlinkat", {below_descriptor(1)}},
    {"renameat", {below_descriptor(0), below_descriptor(2)}},
    {"renameat2", {below_descriptor(0), below_descriptor(2)}},
    {"unlinkat", {below_descriptor(0)}},
    {"fchmod", {}},
    {"fchmodat", {below_descriptor(0)}},
    {"fchown", {}},
    {"utimensat", {below_descriptor(0)}},
    {"fsync", {}},
    {"fdatasync", {}},
    {"syncfs", {}},
    {"flock", {}},
    {"ftruncate", {}},
    {"ioctl", {is(1, FICLONE)}},
    {"copy_file_range", {}},
    {"fgetxattr", {}},
    {"geteuid", {}},
    {"getrandom", {}},
    {"clock_nanosleep", {}},  // between looks at a store that another process works on
};

// From when the parser child is at work until the container is entered.
const Rows kPrepare = {
    // By name: settings, log, the driver's roots, cgroups, /proc.
    {"openat", {}},
    {"openat2", {}},
    {"newfstatat", {}},
    {"statx", {}},
    {"readlinkat", {}},
    {"readlink", {}},
    {"faccessat2", {}},
    {"faccessat", {}},  // of kernels before 5.8
    {"getdents64", {}},
    {"fcntl", {is(1, F_GETFL)}},  // fdopendir(3)
    {"fcntl", {is(1, F_SETFD)}},
    {"pread64", {}},
    {"uname", {}},  // the kernel's release is part of a path of firmware
    {"fgetxattr", {}},
    {"ioctl", {is(1, TCGETS)}},  // whether a dry run prints to a terminal
    // The parser child.
    {"recvfrom", {}},
    {"sendmsg", {}},
    {"sendto", {}},
    {"kill", {is(1, SIGKILL)}},
    {"wait4", {}},
    // Supervision: a fork, and a first process that waits, hands signals on, and ends by the signal
    // that the second one ended by.
    {"clone", {is(0, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)}},
    {"set_robust_list", {}},  // fork(3), in the new process
    {"prctl", {is(0, PR_SET_PDEATHSIG)}},
    {"rt_sigtimedwait", {}},
    {"rt_sigaction", {}},
    {"kill", {is(1, SIGTERM)}},
    {"kill", {is(1, SIGINT)}},
    {"kill", {is(1, SIGHUP)}},
    {"kill", {is(1, SIGQUIT)}},
    {"tgkill", {}},
    // The container's process.
    {"getppid", {}},
    {"pidfd_open", {}},
    // The sources.
    {"open_tree", {}},
    {"mount_setattr", {}},
    {"move_mount", {has(4, MOVE_MOUNT_F_EMPTY_PATH)}},  // asking for it, and to the stage
    // The private namespace where sources are sealed or locked, and the process that lives in it.
    // It comes after the filter and so can execute nothing either.
    {"clone", {is(0, CLONE_FILES | CLONE_NEWNS | SIGCHLD)}},
    {"pipe2", {}},
    {"fsopen", {}},
    {"fsconfig", {}},
    {"fsmount", {}},
    {"dup3", {}},
    {"setns", {is(1, CLONE_NEWUSER)}},
    {"unshare", {is(0, CLONE_NEWNS)}},
    // The record: a file of ours becomes visible whole.
    {"renameat", {below_descriptor(0), below_descriptor(2)}},
    // On entering.
    {"flock", {}},  // one hook a container
    {"setns", {is(1, CLONE_NEWNS)}},
    {"geteuid", {}},
    {"getegid", {}},
    {"setfsuid", {}},
    {"setfsgid", {}},
    {"prctl", {is(0, PR_SET_DUMPABLE), is(1, 0)}},
    {"prctl", {is(0, PR_GET_PDEATHSIG)}},
    // From one phase to the next.
    {"capset", {}},
    {"capget", {}},  // cap_init(3) asks for the kernel's version of the sets
    {"seccomp", {is(0, SECCOMP_SET_MODE_FILTER)}},
};

// What the sanitizers and gcov add to any of these: they read /proc/self/maps, write reports and
// counts, handle signals, and look for leaks with a process of their own that traces this one.
const Rows kInstruments = named({
    "access",        "arch_prctl",
    "clock_gettime", "clock_nanosleep",
    "clone",         "close",
    "dup",           "dup2",
    "dup3",          "exit",
    "fcntl",         "fstat",
    "futex",         "getcwd",
    "getdents",      "getdents64",
    "getpid",        "getppid",
    "getrandom",     "getrlimit",
    "gettid",        "kill",
    "lseek",         "mkdir",
    "mkdirat",       "mmap",
    "mprotect",      "nanosleep",
    "newfstatat",    "open",
    "openat",        "pipe2",
    "poll",          "prctl",
    "prlimit64",     "process_vm_readv",
    "ptrace",        "read",
    "readlink",      "readlinkat",
    "rt_sigaction",  "rt_sigprocmask",
    "rt_sigreturn",  "sched_getaffinity",
    "sched_yield",   "set_robust_list",
    "sigaltstack",   "sysinfo",
    "tgkill",        "unlink",
    "unlinkat",      "wait4",
    "write",
});

}  // namespace

std::vector<Table> tables() {
  const auto parser = kEverywhere + kParser;
  const auto place = kEverywhere + kMain + kPlace;
  const auto prepare = place + kPrepare;  // filters add up: what Place has, Prepare must have
  const auto sweep = kEverywhere + kMain + kSweep;
  const auto tell = kEverywhere + kMain + kTell;
  const auto rest = kEverywhere + kMain + kServe + kLook + kRest;
  const auto volumes = kEverywhere + kMain + kServe + kLook + kVolumes;
  return {
      {"Parser", parser},
      {"Prepare", prepare},
      {"Place", place},
      {"Sweep", sweep},
      {"Tell", tell},
      {"Rest", rest},
      {"Volumes", volumes},
      {"ParserInstrumented", parser + kInstruments},
      {"PrepareInstrumented", prepare + kInstruments},
      {"PlaceInstrumented", place + kInstruments},
      {"SweepInstrumented", sweep + kInstruments},
      {"TellInstrumented", tell + kInstruments},
      {"RestInstrumented", rest + kInstruments},
      {"VolumesInstrumented", volumes + kInstruments},
  };
}

}  // namespace nvhook::sandbox
