// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hierarchy.hpp"
#include "holds.hpp"
#include "membership.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/files/mount_id.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::cgroup {
namespace {

// Where nearly every host mounts them. Tried first, for reading all mounts takes longer than
// everything else here together.
const Hierarchy kUsualV1 = {.mount_point = "/sys/fs/cgroup/devices", .root = "/"};
const Hierarchy kUsualV2 = {.mount_point = "/sys/fs/cgroup", .root = "/"};

constexpr std::size_t kMaxCgroupFile = 65536;  // a dozen lines of PATH_MAX at most

// What the process's own file says; borrows from its text.
struct Paths {
  std::optional<std::string_view> v1;  // in the hierarchy of the devices controller
  std::optional<std::string_view> v2;

  [[nodiscard]] std::optional<std::string_view> of(Version version) const {
    return version == Version::V1 ? v1 : v2;
  }
};

bool is_file_system(int fd, Version version) {
  struct statfs system {};
  return ::fstatfs(fd, &system) == 0 &&
         system.f_type == (version == Version::V1 ? CGROUP_SUPER_MAGIC : CGROUP2_SUPER_MAGIC);
}

// The top of a mounted hierarchy. Empty if it is not there: mounted over, or behind another one.
UniqueFd top_of(const Hierarchy& mount, Version version) {
  auto top = files::open_host_directory(mount.mount_point, ErrorId::Cgroup);
  if (!top || !is_file_system(top->get(), version)) return {};
  if (mount.id) {
    const auto id = files::mount_id_of(top->get());
    if (!id || *id != *mount.id) return {};
  }
  return std::move(*top);
}

// Nothing but a cgroup of one container's is changed for it: the scope has this one and no other,
// and no process of its own.
UniqueFd scope_around(int top, const std::string& place) {
  const auto slash = place.rfind('/');
  if (slash == place.npos || !std::string_view(place).substr(0, slash).ends_with(".scope"))
    return {};
  auto scope =
      files::open_at(top, place.substr(0, slash), O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!scope) return {};
  constexpr nlink_t kOneBelow = 3;  // kernfs counts them: kernfs_refresh_inode in fs/kernfs/inode.c
  struct stat status {};
  if (::fstat(scope->get(), &status) != 0 || status.st_nlink != kOneBelow) return {};
  const auto processes = files::read_kernel_file(scope->get(), "cgroup.procs", kMaxCgroupFile);
  if (!processes || !processes->empty()) return {};
  return std::move(*scope);
}

Result<DeviceCgroup> open_below(int top, const Hierarchy& mount, Version version,
                                std::string_view path, pid_t pid) {
  const auto place = place_below(mount, path);
  if (!place) return std::unexpected(place.error());
  DeviceCgroup cgroup;
  cgroup.version = version;
  cgroup.pid = pid;
  cgroup.path = mount.mount_point + "/" + *place;
  auto directory = files::open_at(top, *place, O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!directory)
    return std::unexpected(
        std::move(directory).error().within("device cgroup").as(ErrorId::Cgroup));
  cgroup.directory = std::move(*directory);
  if (auto held = holds_its_process(cgroup); !held) return std::unexpected(std::move(held).error());
  if (version == Version::V1 && ::faccessat(cgroup.directory.get(), "devices.list", F_OK, 0) != 0)
    return failure(ErrorId::Cgroup, "device cgroup " + quote(cgroup.path) + " has no device rules");
  if (version == Version::V2) cgroup.scope = scope_around(top, *place);
  return cgroup;
}

// The cgroup in one of the mounts, and why not in the first of them; empty if none is to be seen.
std::optional<Result<DeviceCgroup>> look_in(const std::vector<Hierarchy>& mounts, Version version,
                                            const Paths& paths, pid_t pid) {
  std::optional<Result<DeviceCgroup>> first_failure;
  for (const auto& mount : mounts) {
    const auto top = top_of(mount, version);
    if (!top) continue;
    const auto path = paths.of(version);
    if (!path)
      return failure(ErrorId::Cgroup, "process " + std::to_string(pid) + " is in no cgroup of " +
                                          quote(mount.mount_point));
    auto cgroup = open_below(top.get(), mount, version, *path, pid);
    if (cgroup) return cgroup;
    if (!first_failure) first_failure = std::move(cgroup);
  }
  return first_failure;
}

std::optional<DeviceCgroup> look_where_usual(const Paths& paths, pid_t pid) {
  // Where v1 has the controller, v2 decides only if v1 is not mounted: all mounts tell.
  const auto version = paths.v1 ? Version::V1 : Version::V2;
  auto found = look_in({version == Version::V1 ? kUsualV1 : kUsualV2}, version, paths, pid);
  if (!found || !*found) return std::nullopt;
  return std::move(**found);
}

}  // namespace

Result<DeviceCgroup> find_devices(const container::Procfs& procfs,
                                  const container::Process& process) {
  if (!procfs.initial_user_namespace) return DeviceCgroup{};
  const auto membership = files::read_kernel_file(process.proc.get(), "cgroup", kMaxCgroupFile);
  if (!membership)
    return std::unexpected(Error(membership.error()).within("cgroup").as(ErrorId::Cgroup));
  const Paths paths{.v1 = path_of_controller(*membership, "devices"),
                    .v2 = path_of_controller(*membership, "")};
  if (auto cgroup = look_where_usual(paths, process.pid)) return std::move(*cgroup);

  auto text =
      files::read_kernel_file(procfs.self.get(), "mountinfo", container::kMaxMountinfoBytes);
  if (!text) return failed_to("mountinfo", std::move(text));
  auto mounts = container::parse_mountinfo(*text);
  if (!mounts) return std::unexpected(std::move(mounts).error());
  bool mounted = false;
  for (const auto version : {Version::V1, Version::V2}) {
    const auto all = hierarchies(*mounts, version);
    if (auto found = look_in(all, version, paths, process.pid)) return std::move(*found);
    mounted = mounted || !all.empty();
  }
  if (mounted)
    return failure(ErrorId::Cgroup,
                   "cgroups are mounted, but their mounts are hidden: something else is mounted "
                   "over them");
  return DeviceCgroup{};
}

}  // namespace nvhook::cgroup
