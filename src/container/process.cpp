// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

// glibc 2.36's header does not say that its functions are C's.
extern "C" {
#include <sys/pidfd.h>
}

namespace nvhook::container {
namespace {

constexpr std::size_t kMaxMapBytes = 65536;         // 340 extents at most, user_namespaces(7)
constexpr std::size_t kMaxStatusBytes = 1U << 20U;  // a line of it lists up to 65,536 groups

// Opens a magic link of a verified procfs directory: the one place where following is wanted.
Result<UniqueFd> open_link(int directory, const char* name, int flags) {
  UniqueFd fd(::openat(directory, name, flags | O_CLOEXEC));
  if (fd) return fd;
  const bool gone = errno == ESRCH || errno == ENOENT;
  return system_failure(gone ? ErrorId::Pid : ErrorId::Ns, std::string("open its ") + name);
}

// The directory of a process's namespaces, and not one that somebody has mounted over it.
Result<UniqueFd> open_namespaces(int proc) {
  auto fd = files::open_at(proc, "ns", O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (fd) return fd;
  const bool gone = fd.error().code() == std::errc::no_such_process ||
                    fd.error().code() == std::errc::no_such_file_or_directory;
  return std::unexpected(std::move(fd).error().as(gone ? ErrorId::Pid : ErrorId::Ns));
}

// Whether the link among our own namespaces leads to the open one.
Result<bool> is_ours(int namespaces, const char* name, int opened) {
  struct stat ours {};
  struct stat other {};
  if (::fstatat(namespaces, name, &ours, 0) != 0 || ::fstat(opened, &other) != 0)
    return system_failure(ErrorId::Ns, std::string("stat namespace ") + name);
  return ours.st_dev == other.st_dev && ours.st_ino == other.st_ino;
}

// Holds the process by a pidfd; by none before Linux 5.3, where its procfs directory must do: that
// never shows another process either, reads give ESRCH once ours is gone.
Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(::pidfd_open(pid, 0));
  if (!fd && errno != ENOSYS)
    return system_failure(ErrorId::Pid,
                          "pidfd_open (the container's process must still wait for us)");
  return fd;
}

// The value behind "\nName:\t" in /proc/<pid>/status, proc(5).
std::string_view field_of(std::string_view status, std::string_view name) {
  const auto key = "\n" + std::string(name) + ":\t";
  const auto at = status.find(key);
  if (at == status.npos) return {};
  const auto value = status.substr(at + key.size());
  return value.substr(0, value.find('\n'));
}

bool is_gone(const Error& error) {
  return error.code() == std::errc::no_such_process ||
         error.code() == std::errc::no_such_file_or_directory;
}

// A process that has ended makes its pidfd readable: pidfd_open(2). Its status file is gone with
// it, or calls it a zombie or dead; a thread's names another process. Where that cannot be seen for
// a trouble of ours it counts as alive, and whatever comes next has the same trouble.
bool is_alive(const Process& process) {
  if (process.pidfd) {
    pollfd wait{.fd = process.pidfd.get(), .events = POLLIN, .revents = 0};
    return ::poll(&wait, 1, 0) != 1;
  }
  const auto status = files::read_kernel_file(process.proc.get(), "status", kMaxStatusBytes);
  if (!status) return !is_gone(status.error());
  const auto state = field_of(*status, "State").substr(0, 1);
  return field_of(*status, "Tgid") == std::to_string(process.pid) && !state.empty() &&
         state != "Z" && state != "X";
}

Error has_ended(const Process& process, Error error) {
  return std::move(error)
      .within("process " + std::to_string(process.pid) + " has ended")
      .as(ErrorId::Pid);
}

// Fails with E_PID where the process has given up its namespaces already, which is EINVAL: it does
// so before its pidfd tells of its end. Source: mounts_open_common() in fs/proc_namespace.c.
Result<UniqueFd> open_mountinfo(const Process& process) {
  auto fd = files::open_at(process.proc.get(), "mountinfo", O_RDONLY, files::Lookup::SameMount);
  if (fd) return fd;
  if (fd.error().code() == std::errc::invalid_argument)
    return std::unexpected(has_ended(process, std::move(fd).error()));
  return std::unexpected(
      or_its_end(process, std::move(fd).error().within("process " + std::to_string(process.pid))));
}

// The host's id of the namespace's id 0, from lines "inside outside count" of uid_map or gid_map.
std::optional<unsigned> mapped_zero(std::string_view map) {
  while (!map.empty()) {
    auto line = map.substr(0, map.find('\n'));
    map.remove_prefix(std::min(line.size() + 1, map.size()));
    unsigned fields[3] = {};
    bool whole = true;
    for (auto& field : fields) {
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), field);
      whole = whole && error == std::errc();
      line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    }
    if (whole && fields[0] == 0 && fields[2] > 0) return fields[1];
  }
  return std::nullopt;
}

Result<unsigned> root_of_map(int proc, const char* name) {
  auto map = files::read_kernel_file(proc, name, kMaxMapBytes);
  if (!map) return std::unexpected(std::move(map).error().as(ErrorId::Userns));
  const auto id = mapped_zero(*map);
  if (!id)
    return failure(ErrorId::Userns, std::string("the container's user namespace maps no root (") +
                                        name + "): nothing can be made in its files");
  return *id;
}

}  // namespace

Result<Process> pin(const Procfs& procfs, pid_t pid) {
  const auto name = "process " + std::to_string(pid);
  if (pid == ::getpid() || pid == ::getppid())
    return failure(ErrorId::Pid, name + " is no container: it is the hook or the runtime itself");

  Process process;
  process.pid = pid;
  auto pidfd = open_pidfd(pid);
  if (!pidfd) return failed_to(name, std::move(pidfd));
  process.pidfd = std::move(*pidfd);

  auto proc = files::open_at(procfs.root.get(), std::to_string(pid), O_PATH | O_DIRECTORY,
                             files::Lookup::SameMount);
  if (!proc) return std::unexpected(std::move(proc).error().within(name).as(ErrorId::Pid));
  process.proc = std::move(*proc);
  // Alive after the directory was opened: the directory is that of the process the pidfd holds.
  if (!is_alive(process)) return failure(ErrorId::Pid, name + " has ended, or is a thread");

  // Opened now: where procfs hides processes (hidepid), later phases may not open it any more.
  auto mountinfo = open_mountinfo(process);
  if (!mountinfo) return std::unexpected(std::move(mountinfo).error());
  process.mountinfo = std::move(*mountinfo);

  const auto namespaces = open_namespaces(process.proc.get());
  if (!namespaces) return std::unexpected(Error(namespaces.error()).within(name));
  const auto own_namespaces = open_namespaces(procfs.self.get());
  if (!own_namespaces) return std::unexpected(Error(own_namespaces.error()).within("this process"));
  auto mount_namespace = open_link(namespaces->get(), "mnt", O_RDONLY);
  if (!mount_namespace) return failed_to(name, std::move(mount_namespace));
  process.mount_namespace = std::move(*mount_namespace);
  const auto same = is_ours(own_namespaces->get(), "mnt", process.mount_namespace.get());
  if (!same) return std::unexpected(same.error());
  if (*same)
    return failure(ErrorId::NsSame, name +
                                        " shares this host's mount namespace: mounting for it "
                                        "would mount for everybody");

  // Before anything is joined: from inside a user namespace others cannot be opened any more.
  auto user_namespace = open_link(namespaces->get(), "user", O_RDONLY);
  if (!user_namespace) return failed_to(name, std::move(user_namespace));
  const auto same_users = is_ours(own_namespaces->get(), "user", user_namespace->get());
  if (!same_users) return std::unexpected(same_users.error());
  if (!*same_users) process.user_namespace = std::move(*user_namespace);

  auto root = open_link(process.proc.get(), "root", O_PATH | O_DIRECTORY);
  if (!root) return failed_to(name, std::move(root));
  process.root = std::move(*root);

  auto uid = root_of_map(process.proc.get(), "uid_map");
  if (!uid) return std::unexpected(or_its_end(process, std::move(uid).error().within(name)));
  auto gid = root_of_map(process.proc.get(), "gid_map");
  if (!gid) return std::unexpected(or_its_end(process, std::move(gid).error().within(name)));
  process.mapped_root = *uid;
  process.mapped_root_group = *gid;
  return process;
}

Error or_its_end(const Process& process, Error error) {
  return is_alive(process) ? error : has_ended(process, std::move(error));
}

bool root_is_ours(const Process& process) {
  return process.mapped_root == ::geteuid() && process.mapped_root_group == ::getegid();
}

}  // namespace nvhook::container
