// SPDX-License-Identifier: Apache-2.0
#include "fdinfo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/procfs.hpp"

namespace nvhook::files {
namespace {

using Buffer = std::array<char, 512>;

// The first bytes of a small procfs file; none if it is not there, as under another mount. Asks for
// no memory, of which there may be none when a run is undone.
Result<std::string_view> start_of(int directory, const std::string& name, Buffer& buffer) {
  const UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const auto size = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  if (size >= 0) return std::string_view(buffer.data(), static_cast<std::size_t>(size));
  // Which say nothing about what is there.
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO || errno == EINTR)
    return system_failure(ErrorId::Kernel, "read " + name + " in /proc/<pid>");
  return std::string_view();
}

// Opens /proc/<pid>/fdinfo. Whether something is mounted over the directory of our pid cannot be
// asked by mounts yet, so what it says of itself must be our pid, in the same procfs.
Result<UniqueFd> open_fdinfo(int proc) {
  const auto pid = std::to_string(::getpid());
  const UniqueFd self(::openat(proc, pid.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat root {};
  struct stat status {};
  if (!self || ::fstat(proc, &root) != 0 || ::fstat(self.get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "open /proc/<pid>");
  Buffer buffer{};
  const auto stat = start_of(self.get(), "stat", buffer);
  if (!stat) return std::unexpected(stat.error());
  if (status.st_dev != root.st_dev || !stat->starts_with(pid + " "))
    return failure(ErrorId::Kernel,
                   "/proc/" + pid + " is not this process's: something is mounted over it");
  UniqueFd fdinfo(::openat(self.get(), "fdinfo", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fdinfo) return system_failure(ErrorId::Kernel, "open /proc/<pid>/fdinfo");
  return fdinfo;
}

// "pos:\t0\nflags:\t012000000\nmnt_id:\t26\n...", proc(5)
Result<std::uint64_t> read_mount_id(int fdinfo, int fd) {
  Buffer buffer{};
  const auto text = start_of(fdinfo, std::to_string(fd), buffer);
  if (!text) return std::unexpected(text.error());
  constexpr std::string_view kField = "\nmnt_id:\t";
  const auto at = text->find(kField);
  std::uint64_t id = 0;
  if (at == text->npos ||
      std::from_chars(text->data() + at + kField.size(), text->data() + text->size(), id).ec !=
          std::errc())
    return failure(ErrorId::Kernel, "/proc/self/fdinfo tells no mount of a descriptor");
  return id;
}

// Our fdinfo directory, borrowed. It is looked for once a process: what a parent held shows the
// parent's descriptors.
Result<int> own_fdinfo() {
  static UniqueFd held;
  static pid_t owner = 0;
  if (owner == ::getpid()) return held.get();
  const auto proc = open_proc();
  if (!proc) return std::unexpected(proc.error());
  auto fdinfo = open_fdinfo(proc->get());
  if (!fdinfo) return std::unexpected(std::move(fdinfo).error());
  held = std::move(*fdinfo);
  owner = ::getpid();
  return held.get();
}

}  // namespace

Result<std::uint64_t> mount_id_by_fdinfo(int fd) {
  const auto fdinfo = own_fdinfo();
  if (!fdinfo) return std::unexpected(fdinfo.error());
  return read_mount_id(*fdinfo, fd);
}

}  // namespace nvhook::files
