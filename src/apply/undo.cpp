// SPDX-License-Identifier: Apache-2.0
#include "undo.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
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

void Undo::made_link(int directory, std::string name, std::string text) {
  made_.emplace_back(Link{directory, std::move(name), std::move(text)});
}

void Undo::exchanged_link(int directory, std::string name, std::string text, std::string kept_as) {
  made_.emplace_back(
      ExchangedLink{{directory, std::move(name), std::move(text)}, std::move(kept_as)});
}

void Undo::mounted(UniqueFd tree) { made_.emplace_back(Mounted{std::move(tree)}); }

bool Undo::stands(const Link& link) {
  std::string text(link.text.size() + 1, '\0');  // one more, to tell a longer one
  const auto size = ::readlinkat(link.directory, link.name.c_str(), text.data(), text.size());
  return size >= 0 && std::string_view(text.data(), static_cast<std::size_t>(size)) == link.text;
}

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
    if (stands(*link)) ::unlinkat(link->directory, link->name.c_str(), 0);
  } else if (const auto* exchanged = std::get_if<ExchangedLink>(&made)) {
    const auto& ours = exchanged->link;
    const char* kept_as = exchanged->kept_as.c_str();
    // Where another has taken the name, the image's link had no future either.
    if (!stands(ours) || ::renameat2(ours.directory, kept_as, ours.directory, ours.name.c_str(),
                                     RENAME_EXCHANGE) == 0)
      ::unlinkat(ours.directory, kept_as, 0);
  } else if (const auto* mounted = std::get_if<Mounted>(&made)) {
    (void)mount::detach(mounted->tree.get(), fd_directory_);
  }
}

void Undo::roll_back() {
  for (; !made_.empty(); made_.pop_back()) take_away(made_.back());
}

void Undo::commit() {
  for (const auto& made : made_)
    if (const auto* exchanged = std::get_if<ExchangedLink>(&made))
      ::unlinkat(exchanged->link.directory, exchanged->kept_as.c_str(), 0);
  made_.clear();
}

}  // namespace nvhook::apply
