// SPDX-License-Identifier: Apache-2.0
#include "nvhook/litter/sweep.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ranges>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::litter {
namespace {

using record::Object;
using record::ObjectKind;
using record::Record;

constexpr mode_t kMountpointMode = 0444;  // src/apply/place.cpp
constexpr mode_t kFileMode = 0644;        // likewise
constexpr int kMaxLeftovers = 16;         // likewise

std::optional<struct stat> status_at(int directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return status;
}

bool is_recorded(const Object& object, const struct stat& status) {
  return !object.inode || *object.inode == status.st_ino;
}

bool is_placeholder(const Object& object, const struct stat& status) {
  return S_ISREG(status.st_mode) && (status.st_mode & 07777U) == kMountpointMode &&
         status.st_size == 0 && status.st_nlink == 1 && is_recorded(object, status);
}

std::optional<std::string> text_of_link(int directory, const std::string& name) {
  std::array<char, kMaxPath + 1> text{};
  const auto size = ::readlinkat(directory, name.c_str(), text.data(), text.size());
  if (size < 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(size));
}

// The bytes of a plain file of exactly that size; nothing for anything else.
std::optional<std::string> bytes_at(int directory, const std::string& name, std::uint64_t size) {
  const auto plain = [&](const struct stat& status) {
    return S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) == size;
  };
  const auto before = status_at(directory, name);
  if (!before || !plain(*before)) return std::nullopt;
  const UniqueFd file(
      ::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !plain(status)) return std::nullopt;
  auto bytes = files::read_all(file.get(), size);
  return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
}

std::unexpected<Error> trouble(std::string_view what, const ContainerPath& path) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return system_failure(full ? ErrorId::NoSpace : ErrorId::Kernel,
                        std::string(what) + " " + quote(path.value));
}

class Sweeper {
 public:
  Sweeper(int root, const Record& record, const std::optional<std::string>& former)
      : root_(root), record_(record), former_(former) {}

  Result<Swept> sweep() && {
    for (const auto& object : record_.objects | std::views::reverse) {
      auto parent = open_parent(object.path);
      if (!parent) return std::unexpected(std::move(parent).error());
      if (!*parent) continue;
      if (auto done = take(object, (*parent)->get(), std::string(object.path.name())); !done)
        return std::unexpected(std::move(done).error());
    }
    return std::move(swept_);
  }

 private:
  // Nothing if it is not there: on a file system that went with the container, or gone.
  Result<std::optional<UniqueFd>> open_parent(const ContainerPath& path) const {
    const auto parent = path.parent();
    const auto name = parent.value == "/" ? "." : parent.value.substr(1);
    auto fd = files::open_at(root_, name, O_PATH | O_DIRECTORY, files::Lookup::SameMount);
    if (fd) return std::move(*fd);
    if (leads_nowhere(fd.error())) return std::nullopt;
    return failed_to("container directory " + quote(parent.value), std::move(fd));
  }

  Result<void> take(const Object& object, int directory, const std::string& name) {
    switch (object.kind) {
      case ObjectKind::Mount:
        return object.creates ? take_placeholder(object, directory, name) : Result<void>();
      case ObjectKind::Directory:
        return take_directory(object, directory, name);
      case ObjectKind::Link:
        return take_link(object, directory, name);
      case ObjectKind::File:
        return take_file(object, directory, name);
    }
    std::abort();  // every enumerator is handled above
  }

  Result<void> unlink(const Object& object, int directory, const std::string& name, int flags) {
    if (::unlinkat(directory, name.c_str(), flags) != 0 && errno != ENOENT)
      return trouble("remove", object.path);
    ++swept_.taken;
    return {};
  }

  Result<void> take_placeholder(const Object& object, int directory, const std::string& name) {
    const auto status = status_at(directory, name);
    if (!status) return {};
    if (is_placeholder(object, *status)) return unlink(object, directory, name, 0);
    swept_.left.push_back(object.path);
    return {};
  }

  Result<void> take_directory(const Object& object, int directory, const std::string& name) {
    const auto status = status_at(directory, name);
    if (!status) return {};
    if (S_ISDIR(status->st_mode) && is_recorded(object, *status)) {
      if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0) {
        ++swept_.taken;
        return {};
      }
      if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY)
        return trouble("remove directory", object.path);
    }
    swept_.left.push_back(object.path);
    return {};
  }

  // Names that the run used for a while, and left if it was killed.
  template <class Take>
  void each_leftover(int directory, const std::string& name, const Take& take) const {
    const auto beside = "." + name + ".nvhook-" + std::to_string(record_.hook);
    for (int i = 0; i < kMaxLeftovers; ++i) {
      const auto leftover = i == 0 ? beside : beside + "." + std::to_string(i);
      const auto status = status_at(directory, leftover);
      if (!status) return;
      take(leftover, *status);
    }
  }

  Result<void> take_link(const Object& object, int directory, const std::string& name) {
    std::optional<std::string> kept;  // where the image's own link waits
    each_leftover(directory, name, [&](const std::string& leftover, const struct stat& status) {
      if (!S_ISLNK(status.st_mode)) return;
      const auto text = text_of_link(directory, leftover);
      if (object.replaces && text == object.replaces)
        kept = leftover;
      else if (text == object.text)
        ::unlinkat(directory, leftover.c_str(), 0);
    });
    const auto status = status_at(directory, name);
    const bool ours = status && S_ISLNK(status->st_mode) && is_recorded(object, *status) &&
                      text_of_link(directory, name) == object.text;
    if (!ours) {
      const bool as_before = status && object.replaces && S_ISLNK(status->st_mode) &&
                             text_of_link(directory, name) == object.replaces;
      if (status && !as_before) swept_.left.push_back(object.path);
      return {};
    }
    if (!object.replaces) return unlink(object, directory, name, 0);
    if (!kept) {
      kept = free_name(directory, name, [&](const std::string& left, const struct stat& of_left) {
        return S_ISLNK(of_left.st_mode) && text_of_link(directory, left) == object.replaces;
      });
      if (auto done = make_link(object, directory, *kept, *object.replaces, *status); !done)
        return done;
    }
    return put_back(object, directory, *kept, name);
  }

  Result<void> make_link(const Object& object, int directory, const std::string& name,
                         const std::string& text, const struct stat& like) const {
    if (::symlinkat(text.c_str(), directory, name.c_str()) != 0)
      return trouble("make link beside", object.path);
    give_to(directory, name, like.st_uid, like.st_gid);
    return {};
  }

  // What we make is root's; in a user namespace the container's root owns it. With an empty name it
  // is the descriptor's file.
  static void give_to(int directory, const std::string& name, uid_t owner, gid_t group) {
    if (owner == 0 && group == 0) return;
    const int flags = name.empty() ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
    if (::fchownat(directory, name.c_str(), owner, group, flags) != 0)
      return;  // then it stays root's: an owner that the file system does not know
  }

  Result<void> put_back(const Object& object, int directory, const std::string& from,
                        const std::string& name) {
    if (::renameat2(directory, from.c_str(), directory, name.c_str(), 0) != 0) {
      auto failed = trouble("put back", object.path);
      ::unlinkat(directory, from.c_str(), 0);
      return failed;
    }
    ++swept_.taken;
    return {};
  }

  // A name for a file or link until it is put back. Each run over the record has the same one, and
  // takes away there what one that was killed has left.
  template <class IsOurs>
  [[nodiscard]] std::string free_name(int directory, const std::string& name,
                                      const IsOurs& is_ours) const {
    const auto beside = "." + name + ".nvhook-sweep-" + std::to_string(record_.hook);
    auto free = beside;
    for (int i = 1; i < kMaxLeftovers; ++i) {
      const auto status = status_at(directory, free);
      if (!status) break;
      if (is_ours(free, *status) && ::unlinkat(directory, free.c_str(), 0) == 0) break;
      free = beside + "." + std::to_string(i);
    }
    return free;
  }

  Result<void> take_file(const Object& object, int directory, const std::string& name) {
    each_leftover(directory, name, [&](const std::string& leftover, const struct stat& status) {
      if (S_ISREG(status.st_mode) && (status.st_mode & 07777U) == kFileMode && status.st_nlink == 1)
        ::unlinkat(directory, leftover.c_str(), 0);
    });
    const auto status = status_at(directory, name);
    if (!status || !object.content) return {};
    const auto bytes = bytes_at(directory, name, object.content->size);
    if (!bytes || record::hash_of(*bytes) != object.content->hash) {
      if (!is_former(object, directory, name)) swept_.left.push_back(object.path);
      return {};
    }
    if (!object.former) return unlink(object, directory, name, 0);
    return restore(object, directory, name, *status);
  }

  // Whether the exchange never came to be.
  [[nodiscard]] bool is_former(const Object& object, int directory, const std::string& name) const {
    if (!object.former) return false;
    if (object.former->link_text) return text_of_link(directory, name) == object.former->link_text;
    return former_ && bytes_at(directory, name, former_->size()) == former_;
  }

  Result<void> restore(const Object& object, int directory, const std::string& name,
                       const struct stat& like) {
    const auto& former = *object.former;
    const auto beside =
        free_name(directory, name, [&](const std::string& left, const struct stat& of_left) {
          if (former.link_text)
            return S_ISLNK(of_left.st_mode) && text_of_link(directory, left) == former.link_text;
          return S_ISREG(of_left.st_mode) && of_left.st_nlink == 1 && former_ &&
                 static_cast<std::uint64_t>(of_left.st_size) <= former_->size();
        });
    if (former.link_text) {
      if (auto done = make_link(object, directory, beside, *former.link_text, like); !done)
        return done;
      return put_back(object, directory, beside, name);
    }
    if (!former_) {
      swept_.left.push_back(object.path);
      return {};
    }
    if (auto done = write_file(object, directory, beside, *former_); !done) {
      ::unlinkat(directory, beside.c_str(), 0);
      return done;
    }
    return put_back(object, directory, beside, name);
  }

  Result<void> write_file(const Object& object, int directory, const std::string& name,
                          std::string_view bytes) const {
    const UniqueFd file(::openat(directory, name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return trouble("make a file beside", object.path);
    while (!bytes.empty()) {
      const auto written = ::write(file.get(), bytes.data(), bytes.size());
      if (written < 0) return trouble("write a file beside", object.path);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    // While it is ours still: whose files are another's modes we may not change.
    if (::fchmod(file.get(), object.former->mode) != 0)
      return trouble("chmod a file beside", object.path);
    give_to(file.get(), {}, object.former->owner, object.former->group);
    return {};
  }

  int root_;
  const Record& record_;
  const std::optional<std::string>& former_;
  Swept swept_;
};

}  // namespace

Result<Swept> sweep(int root, const Record& record, const std::optional<std::string>& former) {
  return Sweeper(root, record, former).sweep();
}

}  // namespace nvhook::litter
