// SPDX-License-Identifier: Apache-2.0
#include "volumes/dismantle.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/list.hpp"
#include "volumes/layout.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

// What may be unlinked in a part of the volume, which is open.
using Names = std::function<Result<std::vector<std::string>>(int fd, Folder part)>;

UniqueFd open_folder(int parent, const std::string& name) {
  return UniqueFd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
}

// False if it is not gone, because it is not empty or no directory.
Result<bool> remove_folder(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR || errno == EBUSY) return false;
  return trouble("remove " + quote(name));
}

Result<void> unlink_all(int folder, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    // EISDIR: somebody put a directory in its place.
    if (::unlinkat(folder, name.c_str(), 0) != 0 && errno != ENOENT && errno != EISDIR)
      return trouble("remove " + quote(name));
  }
  return {};
}

Result<Gone> take_apart(int own, const std::string& name, const Names& names) {
  const auto folder = open_folder(own, name);
  if (!folder) {
    if (errno == ENOENT) return Gone::All;
    if (errno == ENOTDIR || errno == ELOOP) return Gone::NotAll;
    return trouble("open " + quote(name));
  }
  for (const auto part : kFolders) {
    const std::string part_name(name_of(part));
    const auto fd = open_folder(folder.get(), part_name);
    if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) continue;  // not ours
    if (!fd) return trouble("open " + quote(part_name));
    const auto ours = names(fd.get(), part);
    if (!ours) return std::unexpected(as_trouble(ours.error()));
    if (auto done = unlink_all(fd.get(), *ours); !done)
      return std::unexpected(std::move(done).error());
    if (auto done = remove_folder(folder.get(), part_name); !done)
      return std::unexpected(std::move(done).error());
  }
  const auto gone = remove_folder(own, name);
  if (!gone) return std::unexpected(gone.error());
  return *gone ? Gone::All : Gone::NotAll;
}

}  // namespace

Result<Gone> dismantle(int own, const std::string& name, const Manifest& manifest) {
  return take_apart(own, name, [&](int /*fd*/, Folder part) -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const auto& kept : manifest.files) {
      if (kept.file.folder != part) continue;
      names.push_back(kept.file.name);
      names.insert(names.end(), kept.file.links.begin(), kept.file.links.end());
    }
    return names;
  });
}

Result<Gone> dismantle_unfinished(int own, const std::string& name) {
  return take_apart(own, name,
                    [](int fd, Folder /*part*/) { return files::names_in(fd, kMaxEntries); });
}

}  // namespace nvhook::volumes
