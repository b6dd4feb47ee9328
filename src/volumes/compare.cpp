// SPDX-License-Identifier: Apache-2.0
#include "volumes/compare.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "volumes/layout.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

using Difference = Result<std::optional<std::string>>;

// Setuid and setgid are not copied, nor parts of a second by every file system: ext4 with inodes of
// 128 bytes has none.
bool is_same(const Origin& stored, const Kept& kept) {
  if (kept.way == Way::Linked) return stored == kept.origin;
  constexpr std::uint32_t kCopied = 0777;
  auto expected = kept.origin;
  expected.inode = stored.inode;
  expected.nanoseconds = stored.nanoseconds;
  expected.mode &= kCopied;
  return stored == expected;
}

Difference check_file(int folder, const Kept& kept) {
  struct stat status {};
  const auto& name = kept.file.name;
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return quote(name) + " is missing";
    return trouble("stat " + quote(name));
  }
  if (!S_ISREG(status.st_mode) || !is_same(origin_of(status), kept) || !is_ours_alone(status))
    return quote(name) + " is another file";
  return std::nullopt;
}

Difference check_link(int folder, const std::string& link, const std::string& target) {
  std::array<char, kMaxName + 1> buffer{};
  const auto size = ::readlinkat(folder, link.c_str(), buffer.data(), buffer.size());
  if (size < 0 && errno != ENOENT && errno != EINVAL) return trouble("readlink " + quote(link));
  if (size < 0 || std::string_view(buffer.data(), static_cast<std::size_t>(size)) != target)
    return quote(link) + " is missing, or another link";
  return std::nullopt;
}

// Who may change the directory, and read it, and how many entries there are in it.
Difference check_directory(int fd, std::size_t entries) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return trouble("stat a folder");
  if (!is_ours_alone(status)) return "it can be changed by others than root";
  if ((status.st_mode & kFolderMode) != kFolderMode) return "not everybody can read it";
  const auto names = files::names_in(fd, kMaxEntries);
  if (!names) return std::unexpected(as_trouble(names.error()));
  if (names->size() != entries) return "there are other entries besides";
  return std::nullopt;
}

Difference check_folder(int folder, Folder part, const Manifest& manifest) {
  std::size_t entries = 0;
  for (const auto& kept : manifest.files) {
    if (kept.file.folder != part) continue;
    auto found = check_file(folder, kept);
    if (!found || *found) return found;
    for (const auto& link : kept.file.links) {
      found = check_link(folder, link, kept.file.name);
      if (!found || *found) return found;
    }
    entries += 1 + kept.file.links.size();
  }
  return check_directory(folder, entries);
}

// Nothing where it is not there, or is no directory.
Result<std::optional<UniqueFd>> open_folder(int parent, const std::string& name) {
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
  return trouble("open " + quote(name));
}

}  // namespace

Result<std::optional<std::string>> difference(int parent, const std::string& name,
                                              const Manifest& manifest) {
  const auto folder = open_folder(parent, name);
  if (!folder) return std::unexpected(folder.error());
  if (!*folder) return "it is no directory";
  for (const auto part : kFolders) {
    const std::string part_name(name_of(part));
    const auto fd = open_folder((*folder)->get(), part_name);
    if (!fd) return std::unexpected(fd.error());
    if (!*fd) return part_name + " is missing";
    auto found = check_folder((*fd)->get(), part, manifest);
    if (!found) return found;
    if (*found) return part_name + ": " + **found;
  }
  return check_directory((*folder)->get(), kFolders.size());
}

}  // namespace nvhook::volumes
