// SPDX-License-Identifier: Apache-2.0
#include "cleanup.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/files/mount_id.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/litter/sweep.hpp"
#include "nvhook/record/identity.hpp"
#include "nvhook/record/store.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvhook/systemd/scope.hpp"
#include "nvhook/systemd/transient.hpp"
#include "root_lock.hpp"

namespace nvhook {
namespace {

using record::Record;
using record::Store;

// A container on record, with its root held: no path is looked up once we are confined.
struct Remains {
  std::string name;  // of the record
  Record record;
  Result<UniqueFd> root;
};

// Whether the error is an answer about the process: that it has ended, or is no container's.
bool tells_of_its_end(const Error& error) {
  const bool given_up = error.id() == ErrorId::Pid && error.code() == std::errc::invalid_argument;
  return !error.code() || given_up || error.code() == std::errc::no_such_process ||
         error.code() == std::errc::no_such_file_or_directory;
}

// Nothing where that cannot be told: a root that is in use must not be swept.
Result<bool> is_alive(const container::Procfs& procfs, const Record& record) {
  const auto untold = [&](const Error& error) -> Result<bool> {
    if (tells_of_its_end(error)) return false;
    return std::unexpected(
        Error(error)
            .within("whether the container " + quote(record.id) + " still runs cannot be told")
            .as(ErrorId::Record));
  };
  const auto process = container::pin(procfs, record.pid);
  if (!process) return untold(process.error());
  auto now = record::identify(procfs, *process, {});
  if (!now) return untold(now.error());
  now->cgroup = record.identity.cgroup;  // it may have been moved
  return record::difference(record.identity, *now).empty();
}

// A container on record, dead or alive.
struct Known {
  std::string name;  // of the record
  Record record;
  bool alive = true;
};

// By the directory, or by its path where that was mounted anew since.
bool share_root(const Record& one, const Record& other) {
  return one.root == other.root ||
         (one.rootfs == other.rootfs && one.root.inode == other.root.inode);
}

// What is mounted over a name vanishes with the name, in whatever mount namespace: as long as one
// container uses a root, what others have left there stays.
bool is_in_use(const Record& record, const std::vector<Known>& all) {
  return std::ranges::any_of(
      all, [&](const Known& known) { return known.alive && share_root(known.record, record); });
}

// Of devices that a scope was to have, for the next one of this name.
void leave_no_word(const std::string& scope) {
  if (!systemd::is_scope(scope)) return;
  if (const auto transient = systemd::open_transient())
    systemd::forget_scope(transient->get(), scope);
}

// The root file system of the record, where it still is. One that has been mounted anew has another
// device number; its inodes are the same. How this kernel tells mounts is found out here: later no
// path may be looked up.
Result<UniqueFd> open_root(const Record& record) {
  auto root = files::open_host_directory(record.rootfs, ErrorId::Rootfs);
  if (!root) return root;
  struct stat status {};
  if (::fstat(root->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(record.rootfs));
  if (status.st_ino != record.root.inode)
    return failure(ErrorId::Rootfs,
                   quote(record.rootfs) + " is another directory by now, or not mounted any more");
  if (const auto mount = files::mount_id_of(root->get()); !mount)
    return std::unexpected(Error(mount.error()).within(quote(record.rootfs)));
  return root;
}

// The locks of roots, each once: a second one would wait for the first.
class RootLocks {
 public:
  Result<void> add(const Record& record) {
    const auto root = open_root(record);
    if (!root) return {};  // it is gone
    struct stat status {};
    if (::fstat(root->get(), &status) != 0)
      return system_failure(ErrorId::Kernel, "stat " + quote(record.rootfs));
    const auto [known, is_new] =
        locks_.try_emplace(std::pair(std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino}));
    if (!is_new) return {};
    auto lock = lock_root(root->get(), record.rootfs);
    if (!lock) return std::unexpected(std::move(lock).error());
    known->second = std::move(*lock);
    return {};
  }

 private:
  std::map<std::pair<std::uint64_t, std::uint64_t>, UniqueFd> locks_;
};

Result<litter::Swept> sweep(const Store& store, const Remains& remains) {
  if (!remains.root) return std::unexpected(remains.root.error());
  std::optional<std::string> former;
  if (auto kept = store.read_former(remains.name))
    former = std::move(*kept);
  else if (kept.error().code() != std::errc::no_such_file_or_directory)
    return std::unexpected(std::move(kept).error());
  return litter::sweep(remains.root->get(), remains.record, former);
}

// Whether the root is gone, and everything with it.
bool is_gone(const Error& error) {
  return error.id() == ErrorId::Rootfs && (!error.code() || leads_nowhere(error));
}

std::string said_of(const Remains& remains, const litter::Swept& swept) {
  std::string text = quote(remains.record.id) + ": ";
  text += swept.taken == 0 ? "nothing was left of the driver"
                           : std::to_string(swept.taken) + " names taken away or put back";
  for (const auto& path : swept.left) text += "; " + quote(path.value) + " has been changed, stays";
  return text + "\n";
}

// A container and all others that have its root. Of what cannot be read nothing is known; who
// cannot be told to be dead counts as alive.
Result<std::vector<Known>> sharers_of(const Store& store, const container::Procfs& procfs,
                                      const std::string& name, const Record& own) {
  const auto names = store.names();
  if (!names) return std::unexpected(names.error());
  std::vector<Known> sharers = {{name, own, false}};
  for (const auto& other : *names) {
    if (other == name) continue;
    auto record = store.read(other);
    if (!record || !share_root(*record, own)) continue;
    const bool alive = is_alive(procfs, *record).value_or(true);
    sharers.push_back({other, std::move(*record), alive});
  }
  return sharers;
}

// The roots of the dead, held. What a later one replaced is put back before what an earlier one
// did.
std::vector<Remains> newest_first(std::vector<Known> dead) {
  std::ranges::sort(dead, std::greater{},
                    [](const Known& known) { return known.record.identity.start_time; });
  std::vector<Remains> all;
  all.reserve(dead.size());
  for (auto& [name, record, alive] : dead) {
    auto root = open_root(record);
    all.push_back({std::move(name), std::move(record), std::move(root)});
  }
  return all;
}

Result<std::optional<Store>> open_store() {
  auto store = Store::open(Store::Missing::Fail);
  if (store) return std::move(*store);
  const auto code = store.error().code();
  // There is none, or they are the host's root's, for whom this engine does not work.
  if (code == std::errc::no_such_file_or_directory || code == std::errc::permission_denied)
    return std::nullopt;
  return std::unexpected(std::move(store).error());
}

}  // namespace

Result<void> forget(const Stopped& container) {
  const auto store = open_store();
  if (!store) return std::unexpected(Error(store.error()));
  if (!*store) return {};
  const auto name = record::file_name(container.bundle, container.id);
  const auto own = (*store)->read(name);
  // What makes no sense goes all the same, but not for a trouble of ours.
  if (const auto code = own ? std::error_code() : own.error().code();
      code && code != std::errc::no_such_file_or_directory)
    return std::unexpected(own.error());
  if (!own) return (*store)->remove(name);
  const auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(procfs.error());
  const auto own_alive = is_alive(*procfs, *own);
  if (!own_alive) return std::unexpected(own_alive.error());
  if (*own_alive)
    return failure(ErrorId::Record, "the container " + quote(container.id) +
                                        " is said to have stopped, but its process " +
                                        std::to_string(own->pid) + " still runs");
  if (own->scope) leave_no_word(*own->scope);
  RootLocks locks;
  if (auto done = locks.add(*own); !done) return done;
  auto all = sharers_of(**store, *procfs, name, *own);
  if (!all) return std::unexpected(std::move(all).error());
  if (is_in_use(*own, *all)) return {};  // its record stays, for the last one of them
  const auto dead = newest_first(std::move(*all));
  if (auto done = sandbox::confine_to_sweeping(); !done) return done;
  for (const auto& remains : dead) {
    if (const auto swept = sweep(**store, remains); !swept && !is_gone(swept.error()))
      return std::unexpected(swept.error());
    if (auto done = (*store)->remove(remains.name); !done) return done;
  }
  return {};
}

Result<std::string> clean_up(Journal& journal) {
  const auto store = open_store();
  if (!store) return std::unexpected(Error(store.error()));
  constexpr auto kNone = "there is no record of any container\n";
  if (!*store) return kNone;
  if (auto done = (*store)->remove_unfinished(); !done)
    return std::unexpected(std::move(done).error());
  const auto names = (*store)->names();
  if (!names) return std::unexpected(names.error());
  if (names->empty()) return kNone;
  const auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(procfs.error());
  RootLocks locks;
  for (const auto& name : *names)
    if (const auto record = (*store)->read(name);
        record && !is_alive(*procfs, *record).value_or(true))
      if (auto done = locks.add(*record); !done) return std::unexpected(std::move(done).error());
  std::vector<Known> all;
  for (const auto& name : *names) {
    auto record = (*store)->read(name);
    if (!record) {
      journal.warning({WarningId::Litter, record.error().text() + "; it stays"});
      continue;
    }
    const auto alive = is_alive(*procfs, *record);
    if (!alive) journal.warning({WarningId::Litter, alive.error().text() + "; its record stays"});
    all.push_back({name, std::move(*record), alive.value_or(true)});
  }
  std::string text;
  std::vector<Known> dead;
  for (const auto& known : all) {
    if (!known.alive && known.record.scope) leave_no_word(*known.record.scope);
    if (known.alive)
      text += quote(known.record.id) + ": still runs\n";
    else if (is_in_use(known.record, all))
      text += quote(known.record.id) + ": another container uses its root file system, all stays\n";
    else
      dead.push_back(known);
  }
  const auto remains_of_all = newest_first(std::move(dead));
  if (auto done = sandbox::confine_to_sweeping(); !done)
    return std::unexpected(std::move(done).error());
  for (const auto& remains : remains_of_all) {
    const auto swept = sweep(**store, remains);
    if (swept)
      text += said_of(remains, *swept);
    else if (is_gone(swept.error()))
      text += quote(remains.record.id) + ": its root file system is gone, and so is its record (" +
              swept.error().message() + ")\n";
    else
      journal.warning({WarningId::Litter, quote(remains.record.id) + ": " + swept.error().text() +
                                              "; its record stays"});
    if (!swept && !is_gone(swept.error())) continue;
    if (auto done = (*store)->remove(remains.name); !done)
      return std::unexpected(std::move(done).error());
  }
  return text;
}

}  // namespace nvhook
