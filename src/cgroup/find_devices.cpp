// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "membership.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::cgroup {
namespace {

// Where nearly every host mounts the controller. Tried first, for reading all mounts takes longer
// than everything else here together.
constexpr auto kUsualMount = "/sys/fs/cgroup/devices";

constexpr std::size_t kMaxCgroupFile = 65536;                 // a dozen lines of PATH_MAX at most
constexpr std::size_t kMaxProcsFile = std::size_t{8} << 20U;  // a million pids

std::unexpected<Error> not_usable(std::string_view path, std::string why) {
  return failure(ErrorId::Cgroup, "device cgroup " + quote(path) + " " + std::move(why));
}

Result<DeviceCgroup> open_checked(const container::MountEntry& mount, std::string_view path,
                                  pid_t pid) {
  const auto below = path_below(path, mount.root);
  if (!below || path.starts_with("/.."))
    return not_usable(
        path, "of the container lies outside of the hook's view of " + quote(mount.mount_point));
  if (*below == "/") return not_usable(path, "of the container is the root of the hierarchy");

  DeviceCgroup cgroup;
  cgroup.path = mount.mount_point + std::string(*below);
  const auto top = files::open_host_directory(mount.mount_point, ErrorId::Cgroup);
  if (!top) return std::unexpected(Error(top.error()));
  auto directory =
      files::open_at(top->get(), below->substr(1), O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!directory)
    return std::unexpected(
        std::move(directory).error().within("device cgroup").as(ErrorId::Cgroup));
  cgroup.directory = std::move(*directory);

  struct statfs system{};
  if (::fstatfs(cgroup.directory.get(), &system) != 0 || system.f_type != CGROUP_SUPER_MAGIC)
    return not_usable(cgroup.path, "is not on a cgroup file system");
  auto procs = files::read_kernel_file(cgroup.directory.get(), "cgroup.procs", kMaxProcsFile);
  if (!procs) return std::unexpected(std::move(procs).error().as(ErrorId::Cgroup));
  if (!lists_process(*procs, pid))
    return not_usable(cgroup.path, "does not hold process " + std::to_string(pid));
  if (::faccessat(cgroup.directory.get(), "devices.list", F_OK, 0) != 0)
    return not_usable(cgroup.path, "has no device rules");
  return cgroup;
}

}  // namespace

Result<DeviceCgroup> find_devices(const container::Procfs& procfs,
                                  const container::Process& process) {
  if (!procfs.initial_user_namespace) return DeviceCgroup{};
  auto membership = files::read_kernel_file(process.proc.get(), "cgroup", kMaxCgroupFile);
  if (!membership)
    return std::unexpected(std::move(membership).error().within("cgroup").as(ErrorId::Cgroup));
  const auto path = path_of_controller(*membership, "devices");
  if (path) {
    container::MountEntry usual;
    usual.root = "/";
    usual.mount_point = kUsualMount;
    if (auto cgroup = open_checked(usual, *path, process.pid)) return cgroup;
  }

  auto text =
      files::read_kernel_file(procfs.self.get(), "mountinfo", container::kMaxMountinfoBytes);
  if (!text) return failed_to("mountinfo", std::move(text));
  auto mounts = container::parse_mountinfo(*text);
  if (!mounts) return std::unexpected(std::move(mounts).error());

  // What is mounted decides: /proc/<pid>/cgroup lists v1 hierarchies that nobody here can reach.
  const auto v1 = std::ranges::find_if(*mounts, [](const auto& mount) {
    return mount.file_system == "cgroup" && has_word(mount.super_options, "devices");
  });
  if (v1 != mounts->end()) {
    if (!path)
      return failure(ErrorId::Cgroup, "process " + std::to_string(process.pid) +
                                          " is in no cgroup of the devices controller");
    return open_checked(*v1, *path, process.pid);
  }
  const bool v2 = std::ranges::any_of(
      *mounts, [](const auto& mount) { return mount.file_system == "cgroup2"; });
  if (v2)
    return failure(ErrorId::Cgroup,
                   "this host restricts devices by cgroup v2 programs, which this version of "
                   "nvhook does not change; it needs the cgroup v1 devices controller");
  return DeviceCgroup{};
}

}  // namespace nvhook::cgroup
