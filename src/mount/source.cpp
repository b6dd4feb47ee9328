// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/source.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/mount/mount.hpp"

namespace nvhook::mount {
namespace {

unsigned long flags_of(const MountOptions& options) {
  unsigned long flags = 0;
  if (options.ro) flags |= MS_RDONLY;
  if (options.nosuid) flags |= MS_NOSUID;
  if (options.nodev) flags |= MS_NODEV;
  if (options.noexec) flags |= MS_NOEXEC;
  return flags;
}

// A remount clears what it does not name. Times of access are kept unless it names any of theirs.
Result<unsigned long> inherited_flags(int mount) {
  struct statvfs facts {};
  if (::fstatvfs(mount, &facts) != 0) return system_failure(ErrorId::Kernel, "statvfs");
  MountOptions options{.ro = (facts.f_flag & ST_RDONLY) != 0,
                       .nosuid = (facts.f_flag & ST_NOSUID) != 0,
                       .nodev = (facts.f_flag & ST_NODEV) != 0,
                       .noexec = (facts.f_flag & ST_NOEXEC) != 0};
  return flags_of(options);
}

bool same_file(int one, int other) {
  struct stat a {};
  struct stat b {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

// What is mounted at the point's name now.
Result<UniqueFd> find_new(const Point& point) {
  UniqueFd fd(::openat(point.directory, point.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || !point.is_new(fd.get()))
    return failure(ErrorId::Race, "the mount point was exchanged while it was mounted on");
  return fd;
}

// What was mounted at the point. A descriptor of the point itself leads below the mount.
Result<UniqueFd> find_mounted(const Point& point, int file) {
  auto fd = find_new(point);
  if (fd && !same_file(fd->get(), file))
    return failure(ErrorId::Race, "the mount point was exchanged while it was mounted on");
  return fd;
}

// A mount whose point was unlinked since is in no namespace any more: EINVAL, which our arguments
// give no other reason for.
std::unexpected<Error> cannot_change(std::string_view call) {
  return system_failure(errno == EINVAL ? ErrorId::Race : ErrorId::Kernel, std::string(call));
}

// Private first: what somebody mounts over it must not appear where the file came from.
Result<void> restrict_mounted(int mount, const MountOptions& options) {
  const auto name = std::to_string(mount);
  if (::mount(nullptr, name.c_str(), nullptr, MS_PRIVATE, nullptr) != 0)
    return cannot_change("mount (make private)");
  const auto inherited = inherited_flags(mount);
  if (!inherited) return std::unexpected(inherited.error());
  const auto flags = MS_REMOUNT | MS_BIND | flags_of(options) | *inherited;
  if (::mount(nullptr, name.c_str(), nullptr, flags, nullptr) != 0)
    return cannot_change("mount (restrict)");
  return {};
}

Result<UniqueFd> attach_held(const HeldFile& held, const Point& point, int fd_directory) {
  if (::fchdir(fd_directory) != 0)
    return system_failure(ErrorId::Kernel, "fchdir to /proc/self/fd");
  const auto from = std::to_string(held.fd.get());
  const auto onto = std::to_string(point.fd);
  if (::mount(from.c_str(), onto.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return system_failure(errno == ENOSPC ? ErrorId::NoSpace : ErrorId::Kernel, "mount (bind)");
  auto mounted = find_mounted(point, held.fd.get());
  auto restricted = mounted ? restrict_mounted(mounted->get(), held.options)
                            : Result<void>(std::unexpected(mounted.error()));
  if (restricted) return mounted;
  // From the point umount2 goes on to what lies on it (LOOKUP_MOUNTPOINT in fs/namei.c).
  ::umount2(onto.c_str(), MNT_DETACH);
  return std::unexpected(std::move(restricted).error());
}

}  // namespace

Result<UniqueFd> attach(Source source, const Point& point, int fd_directory) {
  if (const auto* held = std::get_if<HeldFile>(&source))
    return attach_held(*held, point, fd_directory);
  auto& tree = std::get<DetachedTree>(source);
  if (auto done = attach(tree.fd.get(), point.fd); !done)
    return std::unexpected(std::move(done).error());
  return std::move(tree.fd);
}

Result<UniqueFd> attach_tmpfs(const Point& point, const std::string& size, const std::string& label,
                              int fd_directory) {
  if (::fchdir(fd_directory) != 0)
    return system_failure(ErrorId::Kernel, "fchdir to /proc/self/fd");
  const auto onto = std::to_string(point.fd);
  const auto plain = "mode=0755,size=" + size;
  const auto labelled = plain + ",context=\"" + label + "\"";
  const auto mount = [&](const std::string& options) {
    return ::mount("tmpfs", onto.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   options.c_str()) == 0;
  };
  // Without SELinux the kernel knows no such option.
  const bool done = (!label.empty() && mount(labelled)) || mount(plain);
  if (!done)
    return system_failure(errno == ENOSPC ? ErrorId::NoSpace : ErrorId::Kernel, "mount (tmpfs)");
  auto mounted = find_new(point);
  if (mounted &&
      ::mount(nullptr, std::to_string(mounted->get()).c_str(), nullptr, MS_PRIVATE, nullptr) == 0)
    return mounted;
  auto failed =
      mounted ? cannot_change("mount (make private)") : std::unexpected(std::move(mounted).error());
  ::umount2(onto.c_str(), MNT_DETACH);
  return failed;
}

Result<void> restrict_attached(int mount, const MountOptions& options, int fd_directory) {
  if (::fchdir(fd_directory) != 0)
    return system_failure(ErrorId::Kernel, "fchdir to /proc/self/fd");
  return restrict_mounted(mount, options);
}

}  // namespace nvhook::mount
