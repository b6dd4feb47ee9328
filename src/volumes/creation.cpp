// SPDX-License-Identifier: Apache-2.0
#include "volumes/creation.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "volumes/compare.hpp"
#include "volumes/dismantle.hpp"
#include "volumes/own_files.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

std::string new_name(const Version& version) {
  return to_text({.stage = Stage::New, .version = version});
}

// Whether it was made of the same files, whatever way they came.
bool is_of(Manifest listed, const Manifest& wanted) {
  for (auto& kept : listed.files) kept.way = Way::Linked;
  return listed == wanted;
}

// Exchanges what the two names stand for. Where the file system cannot do that there is a moment in
// which the volume is not there.
Result<void> exchange(const Rooms& rooms, const std::string& built, const std::string& name,
                      const std::string& aside) {
  const int own = rooms.own.get();
  const int volumes = rooms.volumes.get();
  // First the name that the old one is to have: were it there as new, it would be taken for ours.
  if (::renameat(own, built.c_str(), own, aside.c_str()) != 0)
    return trouble("rename to " + quote(aside));
  if (::renameat2(own, aside.c_str(), volumes, name.c_str(), RENAME_EXCHANGE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    return trouble("exchange " + quote(name));
  if (::renameat(own, aside.c_str(), own, built.c_str()) != 0 ||
      ::renameat(volumes, name.c_str(), own, aside.c_str()) != 0)
    return trouble("rename " + quote(name));
  if (::renameat(own, built.c_str(), volumes, name.c_str()) != 0) {
    auto failed = trouble("rename to " + quote(name));
    ::renameat(own, aside.c_str(), volumes, name.c_str());
    return failed;
  }
  return {};
}

// Gives the built folder the volume's name.
Result<void> name_it(const Rooms& rooms, const Version& version, const Standing& standing) {
  const auto built = new_name(version);
  const auto& name = version.text();
  if (standing.state != State::Missing) {
    const auto aside = to_text({.stage = Stage::Old, .version = version, .inode = standing.inode});
    return exchange(rooms, built, name, aside);
  }
  // No directory that has anything in it is replaced.
  if (::renameat(rooms.own.get(), built.c_str(), rooms.volumes.get(), name.c_str()) != 0)
    return trouble("rename to " + quote(name));
  return {};
}

Result<Created> build_and_name(const Session& session, const Version& version, Manifest wanted,
                               const Standing& standing, Sources& sources, Linking linking) {
  const auto& rooms = session.rooms;
  auto built = build(rooms.own.get(), new_name(version), std::move(wanted), sources, linking);
  if (!built) return std::unexpected(std::move(built).error());
  struct stat status {};
  if (::fstat(built->folder.get(), &status) != 0) return trouble("stat the new volume");
  // Before the volume has its name all of it is on disk, and its list.
  if (auto done = write_list(rooms, version, status.st_ino, built->manifest); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = put_on_disk(*built); !done) return std::unexpected(std::move(done).error());
  if (auto done = name_it(rooms, version, standing); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = settle(rooms); !done) return std::unexpected(std::move(done).error());
  built->counts.outcome = standing.state == State::Missing ? Outcome::Made : Outcome::Renewed;
  return built->counts;
}

bool has_links(const Manifest& manifest) {
  return std::ranges::find(manifest.files, Way::Linked, &Kept::way) != manifest.files.end();
}

}  // namespace

Result<Standing> compare(const Rooms& rooms, const Version& version, const Manifest& wanted,
                         Linking linking) {
  const int volumes = rooms.volumes.get();
  const auto inode = inode_at(volumes, version.text());
  if (!inode) return std::unexpected(inode.error());
  if (!*inode) return Standing{};
  Standing standing{.state = State::Differs, .inode = **inode};
  const auto list = list_of(rooms, version, **inode);
  if (!list) return std::unexpected(list.error());
  if (*list && !is_of(**list, wanted)) return standing;
  const auto& expected = *list ? **list : wanted;
  if (linking == Linking::Never && has_links(expected)) return standing;
  const auto found = difference(volumes, version.text(), expected);
  if (!found) return std::unexpected(found.error());
  if (!*found) standing.state = *list ? State::Same : State::Unlisted;
  return standing;
}

Result<void> write_list(const Rooms& rooms, const Version& version, std::uint64_t inode,
                        const Manifest& manifest) {
  const auto text = to_text(manifest);
  if (!text) return std::unexpected(text.error());
  const auto name = to_text({.stage = Stage::List, .version = version, .inode = inode});
  return write_own(rooms.own.get(), name, *text, Durable::Yes);
}

Result<Created> make(const Session& session, const Version& version, Manifest wanted,
                     const Standing& standing, Sources& sources, Linking linking) {
  auto created = build_and_name(session, version, std::move(wanted), standing, sources, linking);
  // What is left of a failure, or of what was replaced. If it cannot be taken away now it will be
  // by the next call.
  tidy(session);
  return created;
}

}  // namespace nvhook::volumes
