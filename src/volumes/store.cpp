// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/store.hpp"

#include <cerrno>
#include <filesystem>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "volumes/creation.hpp"
#include "volumes/session.hpp"
#include "volumes/sources.hpp"
#include "volumes/trouble.hpp"
#include "volumes/uses.hpp"

namespace nvhook::volumes {
namespace {

std::unexpected<Error> refused(int code, std::string message) {
  return std::unexpected(
      Error(ErrorId::Store, std::move(message), std::error_code(code, std::system_category())));
}

bool is_absence(const Error& error) { return error.code() == std::errc::no_such_file_or_directory; }

// Absolute, without "//", "." and "..", and without a slash at its end.
Result<std::string> clean(const std::string& path) {
  auto text = std::filesystem::path(path).lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  if (text == "/" || !HostPath::parse(text))
    return failure(ErrorId::Store,
                   "the store " + quote(path) + " is not named by an absolute path of a directory");
  return text;
}

// The volume's inode, if it is there and a directory.
Result<std::optional<std::uint64_t>> find_volume(int volumes, const Version& version) {
  const auto there = is_directory_at(volumes, version.text());
  if (!there) return std::unexpected(there.error());
  if (!*there) return std::nullopt;
  return inode_at(volumes, version.text());
}

// Of a session. Empty where the volume may be taken away; else why not.
struct Objection {
  int code = 0;
  std::string reason;
};
Result<Objection> objection_to_removal(const Session& session, const Version& version,
                                       std::uint64_t inode) {
  const auto uses = read_uses(session.rooms.own.get());
  if (!uses) return std::unexpected(uses.error());
  if (const auto mounts = uses->count(version.text()); mounts > 0)
    return Objection{EBUSY, std::to_string(mounts) + " mounts of it are noted since the boot"};
  const auto list = list_of(session.rooms, version, inode);
  if (!list) return std::unexpected(list.error());
  if (!*list) return Objection{EPERM, "it was not made by nvhook: remove its folder by hand"};
  return Objection{};
}

Result<std::vector<Version>> versions_in(int volumes) {
  const auto names = files::names_in(volumes, kMaxEntries);
  if (!names) return std::unexpected(as_trouble(names.error()));
  std::vector<Version> versions;
  for (const auto& name : *names) {
    const auto version = Version::parse(name);
    if (!version) continue;
    const auto there = is_directory_at(volumes, name);
    if (!there) return std::unexpected(there.error());
    if (*there) versions.push_back(*version);
  }
  return versions;
}

}  // namespace

Result<Store> Store::open(StoreOptions options) {
  auto path = clean(options.path);
  if (!path) return std::unexpected(std::move(path).error());
  options.path = *std::move(path);
  if (auto safe = check_rooms(options.path); !safe) return std::unexpected(std::move(safe).error());
  // What cannot be done now, or while another process is at work, is done by each call that changes
  // something.
  if (const auto session = begin(options.path, Missing::Fail, std::chrono::milliseconds(0)))
    tidy(*session);
  return Store(std::move(options));
}

std::string Store::mountpoint_of(const Version& version) const {
  return options_.path + "/" + std::string(kKind) + "/" + version.text();
}

Result<Created> Store::create(const Contents& contents) const {
  const auto version = Version::parse(contents.version);
  if (!version) return failure(ErrorId::Store, "no volume can be named " + quote(contents.version));
  auto sources = Sources::open();
  if (!sources) return std::unexpected(std::move(sources).error());
  auto wanted = sources->look_at(contents);
  if (!wanted) return std::unexpected(std::move(wanted).error());
  // No name is made that is none, or leads elsewhere.
  if (const auto list = to_text(*wanted); !list) return std::unexpected(list.error());

  const auto linking = options_.links ? Linking::Allowed : Linking::Never;
  // Mostly there is nothing to do, even where nothing could be done.
  if (const auto rooms = open_rooms(options_.path, Missing::Fail)) {
    const auto standing = compare(*rooms, *version, *wanted, linking);
    if (standing && standing->state == State::Same) return Created{};
  }
  const auto session = begin(options_.path, Missing::Make, options_.patience);
  if (!session) return std::unexpected(session.error());
  tidy(*session);
  const auto standing = compare(session->rooms, *version, *wanted, linking);
  if (!standing) return std::unexpected(standing.error());
  if (standing->state == State::Same) return Created{};
  if (standing->state == State::Unlisted) {
    auto done = write_list(session->rooms, *version, standing->inode, *wanted);
    if (!done) return std::unexpected(std::move(done).error());
    return Created{};
  }
  return make(*session, *version, *std::move(wanted), *standing, *sources, linking);
}

Result<bool> Store::has(const Version& version) const {
  const auto volumes = open_volumes(options_.path);
  if (!volumes) return std::unexpected(volumes.error());
  return *volumes ? is_directory_at((*volumes)->get(), version.text()) : false;
}

Result<std::vector<Version>> Store::versions() const {
  const auto volumes = open_volumes(options_.path);
  if (!volumes) return std::unexpected(volumes.error());
  if (!*volumes) return std::vector<Version>();
  return versions_in((*volumes)->get());
}

Result<void> Store::mount(const Version& version, std::string_view id) const {
  const auto none = [&] { return refused(ENOENT, "volume " + quote(version.text())); };
  auto there = has(version);
  if (!there) return std::unexpected(there.error());
  if (!*there) return none();
  const auto session = begin(options_.path, Missing::Make, options_.patience);
  if (!session) return std::unexpected(session.error());
  there = is_directory_at(session->rooms.volumes.get(), version.text());
  if (!there) return std::unexpected(there.error());
  if (!*there) return none();  // it went while we waited
  auto uses = read_uses(session->rooms.own.get());
  if (!uses) return std::unexpected(std::move(uses).error());
  if (!uses->mounts.emplace(version.text(), word_for(id)).second) return {};
  return write_uses(session->rooms.own.get(), *uses);
}

Result<void> Store::unmount(const Version& version, std::string_view id) const {
  const auto session = begin(options_.path, Missing::Fail, options_.patience);
  if (!session && is_absence(session.error())) return {};
  if (!session) return std::unexpected(session.error());
  auto uses = read_uses(session->rooms.own.get());
  if (!uses) return std::unexpected(std::move(uses).error());
  if (uses->mounts.erase({version.text(), word_for(id)}) == 0) return {};
  if (auto done = write_fewer_uses(session->rooms.own.get(), *uses); !done) return done;
  if (uses->count(version.text()) == 0) tidy(*session);  // an old one may have waited for that
  return {};
}

Result<std::size_t> Store::mounts_of(const Version& version) const {
  const auto session = begin(options_.path, Missing::Fail, options_.patience);
  if (!session && is_absence(session.error())) return 0;
  if (!session) return std::unexpected(session.error());
  const auto uses = read_uses(session->rooms.own.get());
  if (!uses) return std::unexpected(uses.error());
  return uses->count(version.text());
}

Result<std::string> Store::remove(const Version& version) const {
  const auto there = has(version);
  if (!there) return std::unexpected(there.error());
  if (!*there) return std::string();
  const auto session = begin(options_.path, Missing::Make, options_.patience);
  if (!session) return std::unexpected(session.error());
  const auto inode = find_volume(session->rooms.volumes.get(), version);
  if (!inode) return std::unexpected(inode.error());
  if (!*inode) return std::string();
  const auto objection = objection_to_removal(*session, version, **inode);
  if (!objection) return std::unexpected(objection.error());
  if (objection->code != 0)
    return refused(objection->code, "volume " + quote(version.text()) + ": " + objection->reason);
  return retire(*session, version, **inode);
}

Result<Pruned> Store::prune(const Version& current) const {
  const auto session = begin(options_.path, Missing::Fail, options_.patience);
  if (!session && is_absence(session.error())) return Pruned{};
  if (!session) return std::unexpected(session.error());
  tidy(*session);
  const auto versions = versions_in(session->rooms.volumes.get());
  if (!versions) return std::unexpected(versions.error());
  Pruned pruned;
  for (const auto& version : *versions) {
    if (version == current) continue;
    const auto inode = find_volume(session->rooms.volumes.get(), version);
    if (!inode) return std::unexpected(inode.error());
    if (!*inode) continue;
    auto objection = objection_to_removal(*session, version, **inode);
    if (!objection) return std::unexpected(std::move(objection).error());
    if (objection->code != 0) {
      pruned.left.push_back({version.text(), std::move(objection->reason)});
      continue;
    }
    // One that cannot be taken apart keeps no other from it.
    if (const auto gone = retire(*session, version, **inode); gone)
      pruned.removed.push_back(version.text());
    else
      pruned.left.push_back({version.text(), gone.error().text()});
  }
  return pruned;
}

}  // namespace nvhook::volumes
