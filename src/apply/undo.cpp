// SPDX-License-Identifier: Apache-2.0
#include "undo.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "nvhook/base/path.hpp"
#include "nvhook/mount/mount.hpp"

namespace nvhook::apply {
namespace {

// What stands at a name now; nothing if nothing does.
std::optional<struct stat> status_of(int directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return status;
}

template <class Inode>
bool is(const struct stat& status, const std::optional<Inode>& inode) {
  return inode && status.st_dev == inode->device && status.st_ino == inode->number;
}

bool exchange(int directory, const std::string& one, const std::string& other) {
  return ::renameat2(directory, one.c_str(), directory, other.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

void Undo::make_room() {
  if (made_.size() == made_.capacity()) made_.reserve(std::max<std::size_t>(2 * made_.size(), 64));
}

void Undo::made_file(int directory, std::string name) {
  made_.emplace_back(File{directory, std::move(name), std::nullopt});
}

void Undo::made_directory(int directory, std::string name) {
  made_.emplace_back(Directory{directory, std::move(name), std::nullopt});
}

void Undo::made_link(int directory, std::string name, std::string text) {
  made_.emplace_back(Link{directory, std::move(name), std::nullopt, std::move(text)});
}

void Undo::made_inode(dev_t device, ino_t inode) {
  if (made_.empty()) return;
  std::visit(
      [&](auto& made) {
        if constexpr (requires { made.inode; }) made.inode = Inode{device, inode};
      },
      made_.back());
}

void Undo::exchanged_link(std::string name) {
  auto* made = made_.empty() ? nullptr : std::get_if<Link>(&made_.back());
  if (made == nullptr) return;
  auto link = std::move(*made);
  auto kept_as = std::exchange(link.name, std::move(name));
  made_.back() = ExchangedLink{std::move(link), std::move(kept_as), std::nullopt};
}

void Undo::kept_inode(dev_t device, ino_t inode) {
  if (auto* made = made_.empty() ? nullptr : std::get_if<ExchangedLink>(&made_.back()))
    made->kept = Inode{device, inode};
}

void Undo::mounted(UniqueFd tree) { made_.emplace_back(Mounted{std::move(tree)}); }

void Undo::allowed(const cgroup::DeviceCgroup& cgroup, cgroup::Granted granted) {
  made_.emplace_back(Allowed{&cgroup, std::move(granted)});
}

// Whether `name` is our link: the very inode, if the kernel could tell it, and its text.
bool Undo::stands(const Link& link, const std::string& name) {
  const auto status = status_of(link.directory, name);
  if (!status || !S_ISLNK(status->st_mode)) return false;
  if (link.inode && !is(*status, link.inode)) return false;
  std::array<char, kMaxPath + 1> text{};  // no memory is asked for while something is undone
  const auto size = ::readlinkat(link.directory, name.c_str(), text.data(), text.size());
  return size >= 0 && std::string_view(text.data(), static_cast<std::size_t>(size)) == link.text;
}

void Undo::put_back(const ExchangedLink& exchanged) {
  const auto& ours = exchanged.link;
  const auto& kept_as = exchanged.kept_as;
  if (!status_of(ours.directory, ours.name)) {
    // Somebody took our link away; the image had one there.
    ::renameat2(ours.directory, kept_as.c_str(), ours.directory, ours.name.c_str(),
                RENAME_NOREPLACE);
    return;
  }
  if (!stands(ours, ours.name) || !exchange(ours.directory, kept_as, ours.name)) return;
  if (stands(ours, kept_as))
    ::unlinkat(ours.directory, kept_as.c_str(), 0);
  else  // it was put there between the look and the exchange, and is not ours to move
    exchange(ours.directory, kept_as, ours.name);
}

void Undo::take_away(const Made& made) const {
  if (const auto* file = std::get_if<File>(&made)) {
    // Only what we made: somebody may have put another file in its place.
    const auto status = status_of(file->directory, file->name);
    if (!status) return;
    const bool ours =
        file->inode ? is(*status, file->inode) : S_ISREG(status->st_mode) && status->st_size == 0;
    if (ours) ::unlinkat(file->directory, file->name.c_str(), 0);
  } else if (const auto* directory = std::get_if<Directory>(&made)) {
    const auto status = status_of(directory->directory, directory->name);
    if (status && (!directory->inode || is(*status, directory->inode)))
      ::unlinkat(directory->directory, directory->name.c_str(), AT_REMOVEDIR);
  } else if (const auto* link = std::get_if<Link>(&made)) {
    if (stands(*link, link->name)) ::unlinkat(link->directory, link->name.c_str(), 0);
  } else if (const auto* exchanged = std::get_if<ExchangedLink>(&made)) {
    put_back(*exchanged);
  } else if (const auto* mounted = std::get_if<Mounted>(&made)) {
    (void)mount::detach(mounted->tree.get(), fd_directory_);
  } else if (const auto* allowed = std::get_if<Allowed>(&made)) {
    (void)cgroup::forbid(*allowed->cgroup, allowed->granted);
  }
}

void Undo::roll_back() {
  for (; !made_.empty(); made_.pop_back()) {
    try {
      take_away(made_.back());
    } catch (const std::bad_alloc&) {  // the next one may need no memory
    }
  }
}

void Undo::commit() {
  for (const auto& made : made_) {
    const auto* exchanged = std::get_if<ExchangedLink>(&made);
    if (exchanged == nullptr) continue;
    const auto status = status_of(exchanged->link.directory, exchanged->kept_as);
    if (status && is(*status, exchanged->kept))
      ::unlinkat(exchanged->link.directory, exchanged->kept_as.c_str(), 0);
  }
  made_.clear();
}

}  // namespace nvhook::apply
