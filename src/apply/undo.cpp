// SPDX-License-Identifier: Apache-2.0
#include "undo.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "nvhook/mount/mount.hpp"

namespace nvhook::apply {

void Undo::made_file(int directory, std::string name) {
  made_.emplace_back(File{directory, std::move(name), std::nullopt});
}

void Undo::file_is(dev_t device, ino_t inode) {
  if (auto* file = made_.empty() ? nullptr : std::get_if<File>(&made_.back()))
    file->inode = Inode{device, inode};
}

void Undo::made_directory(int directory, std::string name) {
  made_.emplace_back(Directory{directory, std::move(name)});
}

void Undo::made_link(int directory, std::string name) {
  made_.emplace_back(Link{directory, std::move(name)});
}

void Undo::exchanged_link(int directory, std::string name, std::string kept_as) {
  made_.emplace_back(ExchangedLink{directory, std::move(name), std::move(kept_as)});
}

void Undo::mounted(UniqueFd tree) { made_.emplace_back(Mounted{std::move(tree)}); }

void Undo::take_away(const Made& made) const {
  if (const auto* file = std::get_if<File>(&made)) {
    // Only what we made: somebody may have put another file in its place.
    struct stat status {};
    if (::fstatat(file->directory, file->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    const bool ours =
        file->inode ? status.st_dev == file->inode->device && status.st_ino == file->inode->number
                    : S_ISREG(status.st_mode) && status.st_size == 0;
    if (ours) ::unlinkat(file->directory, file->name.c_str(), 0);
  } else if (const auto* directory = std::get_if<Directory>(&made)) {
    ::unlinkat(directory->directory, directory->name.c_str(), AT_REMOVEDIR);
  } else if (const auto* link = std::get_if<Link>(&made)) {
    ::unlinkat(link->directory, link->name.c_str(), 0);
  } else if (const auto* ours = std::get_if<ExchangedLink>(&made)) {
    if (::renameat2(ours->directory, ours->kept_as.c_str(), ours->directory, ours->name.c_str(),
                    RENAME_EXCHANGE) == 0)
      ::unlinkat(ours->directory, ours->kept_as.c_str(), 0);
  } else if (const auto* mounted = std::get_if<Mounted>(&made)) {
    (void)mount::detach(mounted->tree.get(), fd_directory_);
  }
}

void Undo::roll_back() {
  for (; !made_.empty(); made_.pop_back()) take_away(made_.back());
}

void Undo::commit() {
  for (const auto& made : made_)
    if (const auto* link = std::get_if<ExchangedLink>(&made))
      ::unlinkat(link->directory, link->kept_as.c_str(), 0);
  made_.clear();
}

}  // namespace nvhook::apply
