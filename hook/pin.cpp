// SPDX-License-Identifier: Apache-2.0
#include "pin.hpp"

#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/files/read.hpp"
#include "root_lock.hpp"
#include "supervise.hpp"

namespace nvhook {
namespace {

using sandbox::Phase;

Result<Mounts> read_mounts(const container::Process& process) {
  auto text = files::read_all(process.mountinfo.get(), container::kMaxMountinfoBytes);
  if (!text)
    return std::unexpected(
        container::or_its_end(process, std::move(text).error().within("container")));
  Mounts mounts{.text = std::move(*text), .entries = {}};
  auto entries = container::parse_mountinfo(mounts.text);
  if (!entries) return std::unexpected(std::move(entries).error());
  mounts.entries = std::move(*entries);
  return mounts;
}

Result<PinnedProcess> pin_process(pid_t pid) {
  auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(std::move(procfs).error());
  auto process = container::pin(*procfs, pid);
  if (!process) return std::unexpected(std::move(process).error());
  auto mounts = read_mounts(*process);
  if (!mounts) return std::unexpected(std::move(mounts).error());
  return PinnedProcess{
      .procfs = std::move(*procfs), .process = std::move(*process), .mounts = std::move(*mounts)};
}

// The early one, if it is of this process.
Result<PinnedProcess> take_or_pin(std::optional<EarlyPin> early, pid_t pid) {
  if (early && early->pid == pid) return std::move(early->pinned);
  return pin_process(pid);
}

Result<void> open_rootfs(const std::string& path, Prepared& prepared) {
  auto rootfs = prepared.process ? container::open_rootfs(*prepared.process, path)
                                 : container::open_rootfs_on_host(path);
  if (!rootfs) return std::unexpected(std::move(rootfs).error());
  prepared.rootfs = std::move(*rootfs);
  return {};
}

Result<Mounts> pin_bundle(const std::string& rootfs, Prepared& prepared) {
  auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(std::move(procfs).error());
  prepared.procfs = std::move(*procfs);
  if (auto done = open_rootfs(rootfs, prepared); !done)
    return std::unexpected(std::move(done).error());
  return Mounts{};
}

}  // namespace

Result<std::optional<EarlyPin>> pin_early(std::optional<pid_t> pid, sandbox::Phases& phases) {
  if (!pid || phases.expects_program()) return std::nullopt;
  if (auto done = phases.begin(Phase::Pin); !done) return std::unexpected(std::move(done).error());
  EarlyPin early{.pid = *pid, .pinned = pin_process(*pid)};
  if (auto done = phases.pause(); !done) return std::unexpected(std::move(done).error());
  return early;
}

Result<Mounts> pin_container(const Spec& spec, std::optional<EarlyPin> early, Prepared& prepared,
                             Journal& journal) {
  const auto path = rootfs_path(spec);
  if (!spec.state.pid) return pin_bundle(path, prepared);
  const auto pid = *spec.state.pid;
  auto pinned = take_or_pin(std::move(early), pid);
  if (!pinned) return std::unexpected(std::move(pinned).error());
  if (may_wait_for_others(pinned->mounts.entries, path)) {
    if (auto done = continue_supervised(path, journal); !done)
      return std::unexpected(std::move(done).error());
    // The new process's own directories of procfs.
    pinned = pin_process(pid);
    if (!pinned) return std::unexpected(std::move(pinned).error());
  }
  prepared.procfs = std::move(pinned->procfs);
  prepared.process = std::move(pinned->process);
  auto& mounts = pinned->mounts;
  if (auto done = open_rootfs(path, prepared); !done)
    return std::unexpected(std::move(done).error());
  if (!container::is_bound_onto_itself(mounts.entries, prepared.rootfs.mount_id))
    return failure(ErrorId::Rootfs, "root file system " + quote(path) +
                                        " is another mount than the one that a runtime makes: "
                                        "what is put there may be put on the host");
  auto lock = lock_root(prepared.rootfs.fd.get(), path);
  if (!lock) return std::unexpected(std::move(lock).error());
  prepared.root_lock = std::move(*lock);
  prepared.rootfs.dev_mount_id = container::dev_mount_of(mounts.entries, prepared.rootfs.mount_id);
  if (!prepared.grants_devices) {
    prepared.cgroup.emplace();
    return std::move(mounts);
  }
  auto cgroup = cgroup::find_devices(prepared.procfs, *prepared.process);
  if (!cgroup) return std::unexpected(std::move(cgroup).error());
  prepared.cgroup = std::move(*cgroup);
  return std::move(mounts);
}

}  // namespace nvhook
