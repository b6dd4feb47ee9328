// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/survey.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/mount_id.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::container {
namespace {

// A directory on the way to a place: the nearest one that exists, and what is missing below it.
struct Reached {
  UniqueFd fd;
  ContainerPath resolved;
  ContainerPath missing;  // "/" if nothing is
};

// Opens the directory, and tells where it really is. Most paths have no link on the way, and are
// what they say; asking the kernel for the path of a descriptor takes longer than opening it.
// /dev alone may be a mount of its own. Others are not even looked into: an automount would be made
// by that, and a file system that does not answer would be waited for.
Result<UniqueFd> open_without_links(ContainerRoot root, const ContainerPath& path) {
  constexpr std::string_view kBelowDev = "/dev/";
  const auto name = path.value == "/" ? "." : path.value.substr(1);
  if (path.value == "/dev")
    return files::open_at(root.fd, name, O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!path.value.starts_with(kBelowDev))
    return files::open_at(root.fd, name, O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  const auto dev = files::open_at(root.fd, "dev", O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!dev) return std::unexpected(dev.error());
  return files::open_at(dev->get(), path.value.substr(kBelowDev.size()), O_PATH | O_DIRECTORY,
                        files::Lookup::SameMount);
}

Result<Reached> open_directory(ContainerRoot root, const ContainerPath& path) {
  auto fd = open_without_links(root, path);
  if (fd) return Reached{.fd = std::move(*fd), .resolved = path, .missing = {"/"}};
  if (fd.error().code() != std::errc::too_many_symbolic_link_levels)
    return std::unexpected(std::move(fd).error());
  fd = files::open_at(root.fd, path.value, O_PATH | O_DIRECTORY, files::Lookup::InRootSameMount);
  if (!fd) return std::unexpected(std::move(fd).error());
  auto resolved = files::path_below(root.fd, fd->get());
  if (!resolved) return std::unexpected(std::move(resolved).error());
  return Reached{.fd = std::move(*fd), .resolved = {std::move(*resolved)}, .missing = {"/"}};
}

Result<Reached> reach(ContainerRoot root, const ContainerPath& directory) {
  std::string missing;
  auto reached = open_directory(root, directory);
  for (auto path = directory; !reached; reached = open_directory(root, path)) {
    if (reached.error().code() != std::errc::no_such_file_or_directory || path.value == "/")
      return reached;
    missing.insert(0, "/" + std::string(path.name()));
    path = path.parent();
  }
  if (missing.empty()) return reached;
  // A name that is missing, and not a link that leads nowhere: no directory can be made there.
  const auto first = missing.substr(1, missing.find('/', 1) - 1);
  struct stat status {};
  if (::fstatat(reached->fd.get(), first.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = ENOENT;
    return system_failure(ErrorId::DstResolve, quote(first) + " is a link to nothing");
  }
  reached->missing.value = std::move(missing);
  return reached;
}

// Without a container there is no list of mounts, and nothing to leak to.
Result<bool> is_shared(const std::vector<MountEntry>& mounts, std::uint64_t mount_id) {
  if (mounts.empty()) return false;
  const auto mount = std::ranges::find(mounts, mount_id, &MountEntry::id);
  if (mount == mounts.end())
    return failure(ErrorId::Race, "the container's mounts changed while the hook ran");
  return mount->shared;
}

// Whether names once made in the directory stay, or none can be made: the flags "a" and "i" of
// chattr(1), which bind root, too. File systems that have none say nothing.
bool is_fixed(int directory) {
  struct statx facts {};
  constexpr auto kFixed = STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE;
  return ::statx(directory, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &facts) == 0 &&
         (facts.stx_attributes & kFixed) != 0;
}

struct Examined {
  UniqueFd fd;  // empty if the directory does not exist
  std::uint64_t mount_id = 0;
  DirectoryFacts facts;
};

Result<Examined> examine_directory(const Rootfs& rootfs, const ContainerPath& directory,
                                   const std::vector<MountEntry>& mounts) {
  auto reached = reach(rootfs.root(), directory);
  if (!reached) return std::unexpected(std::move(reached).error());
  const auto mount_id = mount_id_of(reached->fd.get());
  if (!mount_id) return std::unexpected(Error(mount_id.error()));

  Examined examined;
  examined.mount_id = *mount_id;
  auto& facts = examined.facts;
  facts.exists = reached->missing.value == "/";
  if (!facts.exists)
    facts.missing = static_cast<std::size_t>(std::ranges::count(reached->missing.value, '/'));
  facts.resolved = std::move(reached->resolved);
  if (!facts.exists)
    facts.resolved.value =
        (facts.resolved.value == "/" ? "" : facts.resolved.value) + reached->missing.value;
  facts.mount = *mount_id == rootfs.mount_id       ? MountKind::Rootfs
                : *mount_id == rootfs.dev_mount_id ? MountKind::Dev
                                                   : MountKind::Foreign;
  const auto shared = is_shared(mounts, *mount_id);
  if (!shared) return std::unexpected(shared.error());
  facts.shared = *shared;
  facts.fixed = is_fixed(reached->fd.get());
  if (facts.exists) examined.fd = std::move(reached->fd);
  return examined;
}

Standing standing_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return Standing::File;
    case S_IFDIR:
      return Standing::Directory;
    case S_IFLNK:
      return Standing::Link;
    case S_IFCHR:
      return Standing::CharDevice;
    default:
      return Standing::Other;
  }
}

Result<Found> look_at(const Rootfs& rootfs, const Examined& directory, const std::string& name) {
  Found found;
  struct statx facts {};
  if (::statx(directory.fd.get(), name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_TYPE | STATX_MNT_ID, &facts) != 0) {
    if (errno == ENOENT) return found;
    return system_failure(ErrorId::DstResolve, "statx " + quote(name));
  }
  found.standing = standing_of(facts.stx_mode);
  const auto mount_id = (facts.stx_mask & STATX_MNT_ID) != 0
                            ? facts.stx_mnt_id
                            : files::mount_id_at(directory.fd.get(), name);
  if (!mount_id) return std::unexpected(Error(mount_id.error()).as(ErrorId::Race));
  found.other_mount = *mount_id != directory.mount_id;
  if (found.standing == Standing::CharDevice)
    found.number = {.major = facts.stx_rdev_major, .minor = facts.stx_rdev_minor};
  if (found.standing != Standing::Link) return found;

  std::array<char, kMaxPath + 1> text{};
  const auto size = ::readlinkat(directory.fd.get(), name.c_str(), text.data(), text.size());
  if (size < 0) return system_failure(ErrorId::Race, "readlink " + quote(name));
  found.link_text.assign(text.data(), static_cast<std::size_t>(size));
  const auto path = directory.facts.resolved / name;
  const auto led_to =
      files::open_at(rootfs.fd.get(), path.value, O_PATH, files::Lookup::InRootSameMount);
  if (!led_to && !leads_nowhere(led_to.error())) return std::unexpected(led_to.error());
  // What another mount has is there, whatever it is.
  found.link_dangles = !led_to && led_to.error().code() != std::errc::cross_device_link;
  return found;
}

// A directory that cannot be examined is no place for anything.
Error refusal_of(const ContainerPath& directory, Error error) {
  if (error.code() == std::errc::cross_device_link)
    return failure(ErrorId::DstForeignMount,
                   quote(directory.value) +
                       " lies in a volume or another file system of the container; nothing is made "
                       "there (do not mount over the directories of the driver)")
        .error();
  const bool race = error.id() == ErrorId::Race;
  return std::move(error)
      .within("container directory " + quote(directory.value))
      .as(race ? ErrorId::Race : ErrorId::DstResolve);
}

}  // namespace

namespace {

// Whether the lookup failed for what the image has there, and not for a trouble of this host's.
bool is_answer(const Error& error) {
  return leads_nowhere(error) || error.code() == std::errc::cross_device_link ||
         error.code() == std::errc::invalid_argument || !error.code();
}

// Looks at places, each directory once.
class Surveyor {
 public:
  Surveyor(const Rootfs& rootfs, const std::vector<MountEntry>& mounts)
      : rootfs_(rootfs), mounts_(mounts) {}

  enum class Unreachable { Fails, IsAnAnswer };

  Result<void> look(const Place& place, Unreachable unreachable) {
    auto at = examined_.find(place.directory);
    if (at == examined_.end()) {
      auto directory = examine_directory(rootfs_, place.directory, mounts_);
      if (!directory) {
        const bool answered = unreachable == Unreachable::IsAnAnswer &&
                              is_answer(directory.error()) &&
                              directory.error().id() != ErrorId::Race;
        auto refusal = refusal_of(place.directory, std::move(directory).error());
        if (!answered) return std::unexpected(std::move(refusal));
        directory = Examined{};
        directory->facts.resolved = place.directory;
        directory->facts.trouble = refusal.message();
        if (refusal.code()) directory->facts.trouble += ": " + refusal.code().message();
      }
      survey_.directories[place.directory] = directory->facts;
      at = examined_.emplace(place.directory, std::move(*directory)).first;
    }
    if (!at->second.fd) {
      survey_.places[place] = Found{};
      return {};
    }
    auto found = look_at(rootfs_, at->second, place.name);
    if (!found)
      return failed_to("container directory " + quote(place.directory.value), std::move(found));
    survey_.places[place] = std::move(*found);
    return {};
  }

  [[nodiscard]] Survey take() && { return std::move(survey_); }

 private:
  const Rootfs& rootfs_;
  const std::vector<MountEntry>& mounts_;
  std::map<ContainerPath, Examined> examined_;
  Survey survey_;
};

}  // namespace

Result<Survey> survey(const Rootfs& rootfs, const std::vector<Place>& places,
                      const std::vector<MountEntry>& mounts,
                      const std::vector<Place>& dispensable) {
  Surveyor surveyor(rootfs, mounts);
  for (const auto& place : places)
    if (auto done = surveyor.look(place, Surveyor::Unreachable::Fails); !done)
      return std::unexpected(std::move(done).error());
  for (const auto& place : dispensable)
    if (auto done = surveyor.look(place, Surveyor::Unreachable::IsAnAnswer); !done)
      return std::unexpected(std::move(done).error());
  return std::move(surveyor).take();
}

namespace {

constexpr std::size_t kMaxLabel = 4096;  // SELinux's are of a hundred bytes

// Nothing where there is no SELinux, or the file system keeps no labels.
std::string label_of(int file) {
  std::array<char, kMaxLabel> label{};
  const auto size = ::fgetxattr(file, kSelinuxLabel, label.data(), label.size());
  return size > 0 ? std::string(label.data(), static_cast<std::size_t>(size)) : std::string();
}

// Nothing if it is larger than that, or no plain file.
Result<std::optional<Content>> content_of(const Rootfs& rootfs, const ContainerPath& path,
                                          std::size_t most) {
  const auto file =
      files::open_regular(rootfs.fd.get(), path.value, files::Lookup::InRootSameMount);
  if (!file && is_answer(file.error()) && file.error().id() != ErrorId::Race) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  if (static_cast<std::uint64_t>(status.st_size) > most) return std::nullopt;
  auto bytes = files::read_all(file->get(), most);
  if (!bytes && bytes.error().code() == std::errc::file_too_large) return std::nullopt;  // by now
  if (!bytes) return failed_to(quote(path.value), std::move(bytes));
  return Content{.bytes = std::move(*bytes),
                 .mode = status.st_mode & 07777U,
                 .owner = status.st_uid,
                 .group = status.st_gid,
                 .label = label_of(file->get())};
}

}  // namespace

Result<FileFacts> survey_file(const Rootfs& rootfs, const Place& place,
                              const std::vector<MountEntry>& mounts, std::size_t most) {
  FileFacts facts;
  auto directory = examine_directory(rootfs, place.directory, mounts);
  if (!directory) {
    const bool answered = is_answer(directory.error()) && directory.error().id() != ErrorId::Race;
    auto refusal = refusal_of(place.directory, std::move(directory).error());
    if (!answered) return std::unexpected(std::move(refusal));
    facts.trouble = refusal.message();
    return facts;
  }
  facts.directory = directory->facts;
  if (!directory->fd) return facts;
  auto found = look_at(rootfs, *directory, place.name);
  if (!found)
    return failed_to("container directory " + quote(place.directory.value), std::move(found));
  facts.found = std::move(*found);
  if (facts.found.standing != Standing::File && facts.found.standing != Standing::Link)
    return facts;
  auto content = content_of(rootfs, facts.directory.resolved / place.name, most);
  if (!content) return std::unexpected(std::move(content).error());
  facts.content = std::move(*content);
  return facts;
}

}  // namespace nvhook::container
