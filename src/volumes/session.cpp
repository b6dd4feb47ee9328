// SPDX-License-Identifier: Apache-2.0
#include "volumes/session.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "volumes/dismantle.hpp"
#include "volumes/own_files.hpp"
#include "volumes/trouble.hpp"
#include "volumes/uses.hpp"

namespace nvhook::volumes {
namespace {

Result<void> unlink_own(const Rooms& rooms, const std::string& name) {
  if (::unlinkat(rooms.own.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return trouble("remove " + quote(name));
  return {};
}

std::string list_name(const Version& version, std::uint64_t inode) {
  return to_text({.stage = Stage::List, .version = version, .inode = inode});
}

Result<std::string> leave(const Rooms& rooms, const std::string& from, OwnName as) {
  as.stage = Stage::Left;
  auto to = to_text(as);
  // Nothing has that name: it would have to have that inode.
  if (::renameat(rooms.own.get(), from.c_str(), rooms.own.get(), to.c_str()) != 0)
    return trouble("rename " + quote(from) + " to " + quote(to));
  return to;
}

// What is in one that is none of ours must not be in the way of the next.
Result<void> dispose_of_unfinished(const Rooms& rooms, const std::string& name, OwnName as) {
  const auto inode = inode_at(rooms.own.get(), name);
  if (!inode) return std::unexpected(inode.error());
  const auto gone = dismantle_unfinished(rooms.own.get(), name);
  if (!gone) return std::unexpected(gone.error());
  if (*gone == Gone::All || !*inode) return {};
  as.inode = **inode;
  auto left = leave(rooms, name, std::move(as));
  if (!left) return std::unexpected(std::move(left).error());
  return {};
}

// Whether the list is that of a folder that is still there.
Result<bool> is_needed(const Rooms& rooms, const OwnName& list) {
  const auto named = inode_at(rooms.volumes.get(), list.version.text());
  if (!named) return std::unexpected(named.error());
  if (*named == list.inode) return true;
  const auto names = files::names_in(rooms.own.get(), kMaxEntries);
  if (!names) return std::unexpected(as_trouble(names.error()));
  for (const auto& name : *names) {
    const auto own = parse_own_name(name);
    if (!own || own->stage == Stage::List || own->version != list.version) continue;
    const auto inode = inode_at(rooms.own.get(), name);
    if (!inode) return std::unexpected(inode.error());
    if (*inode == list.inode) return true;
  }
  return false;
}

Result<void> tidy_one(const Session& session, const std::string& name, Stage stage) {
  const auto& rooms = session.rooms;
  const auto own = parse_own_name(name);
  if (!own || own->stage != stage) return {};
  if (stage == Stage::New) {
    if (auto done = dispose_of_unfinished(rooms, name, *own); !done) return done;
  }
  if (stage == Stage::Old) {
    auto done = dispose(session, *own);
    if (!done) return std::unexpected(std::move(done).error());
  }
  if (stage == Stage::List) {
    const auto needed = is_needed(rooms, *own);
    if (!needed) return std::unexpected(needed.error());
    if (!*needed) return unlink_own(rooms, name);
  }
  return {};
}

}  // namespace

Result<Session> begin(const std::string& path, Missing missing,
                      std::chrono::milliseconds patience) {
  auto rooms = open_rooms(path, missing);
  if (!rooms) return std::unexpected(std::move(rooms).error());
  auto lock = lock_own(rooms->own.get(), patience);
  if (!lock) return failed_to(quote(path), std::move(lock));
  return Session{.rooms = *std::move(rooms), .lock = *std::move(lock)};
}

Result<std::optional<Manifest>> list_of(const Rooms& rooms, const Version& version,
                                        std::uint64_t inode) {
  const auto text = read_own(rooms.own.get(), list_name(version, inode), kMaxManifestBytes);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto manifest = parse_manifest(**text);
  if (!manifest || manifest->version != version.text()) return std::nullopt;
  return *std::move(manifest);
}

Result<void> settle(const Rooms& rooms) {
  if (::fsync(rooms.volumes.get()) != 0 || ::fsync(rooms.own.get()) != 0)
    return trouble("fsync the store");
  return {};
}

Result<std::string> dispose(const Session& session, const OwnName& old) {
  const auto& rooms = session.rooms;
  const auto name = to_text(old);
  const auto inode = inode_at(rooms.own.get(), name);
  if (!inode) return std::unexpected(inode.error());
  if (!*inode) return std::string();
  const auto list = list_of(rooms, old.version, **inode);
  if (!list) return std::unexpected(list.error());
  const OwnName folder{.stage = Stage::Left, .version = old.version, .inode = **inode};
  if (!*list) return leave(rooms, name, folder);
  // One of another inode was to take the place of that one, and never had: nobody uses it.
  if (**inode == old.inode) {
    const auto uses = read_uses(rooms.own.get());
    if (!uses) return std::unexpected(uses.error());
    if (uses->count(old.version.text()) > 0) return std::string();
  }
  // Whoever gave it this name may have been killed before that was on disk, and on disk the volume
  // still has its own then.
  if (auto done = settle(rooms); !done) return std::unexpected(std::move(done).error());
  const auto gone = dismantle(rooms.own.get(), name, **list);
  if (!gone) return std::unexpected(gone.error());
  auto left = *gone == Gone::All ? std::string() : leave(rooms, name, folder);
  if (!left) return left;
  if (auto done = unlink_own(rooms, list_name(old.version, **inode)); !done)
    return std::unexpected(std::move(done).error());
  return left;
}

void tidy(const Session& session) {
  const auto names = files::names_in(session.rooms.own.get(), kMaxEntries);
  if (!names) return;
  for (const auto& name : *names)
    if (name.starts_with('.')) (void)unlink_own(session.rooms, name);
  // Folders before the lists that say what is in them.
  for (const auto stage : {Stage::New, Stage::Old, Stage::List})
    for (const auto& name : *names) (void)tidy_one(session, name, stage);
}

Result<std::string> retire(const Session& session, const Version& version, std::uint64_t inode) {
  const auto& rooms = session.rooms;
  const OwnName old{.stage = Stage::Old, .version = version, .inode = inode};
  if (::renameat(rooms.volumes.get(), version.text().c_str(), rooms.own.get(),
                 to_text(old).c_str()) != 0)
    return trouble("take away " + quote(version.text()));
  if (auto done = settle(rooms); !done) return std::unexpected(std::move(done).error());
  // The volume is gone. What of it cannot be unlinked now may be so later.
  auto left = dispose(session, old);
  return left ? left : to_text(old);
}

}  // namespace nvhook::volumes
