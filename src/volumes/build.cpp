// SPDX-License-Identifier: Apache-2.0
#include "volumes/build.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "volumes/copy_file.hpp"
#include "volumes/layout.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

Result<UniqueFd> make_folder(int parent, const std::string& name) {
  if (::mkdirat(parent, name.c_str(), kFolderMode) != 0) return trouble("make " + quote(name));
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return trouble("open " + quote(name));
  // Whatever the umask is: a container reads it as somebody else.
  if (::fchmod(fd.get(), kFolderMode) != 0) return trouble("chmod " + quote(name));
  return fd;
}

// Whether another way may do what a hard link cannot: another file system, one without links, one
// link too many, or links that are for owners alone (fs.protected_hardlinks; without CAP_FOWNER).
bool may_be_copied(int error) {
  return error == EXDEV || error == EPERM || error == EACCES || error == EMLINK ||
         error == EOPNOTSUPP || error == ENOSYS;
}

class Builder {
 public:
  Builder(Sources& sources, Linking linking) : sources_(sources), linking_(linking) {}

  [[nodiscard]] const Created& counts() const { return counts_; }

  Result<void> add(int folder, Kept& kept) {
    if (auto done = add_file(folder, kept); !done) return done;
    for (const auto& link : kept.file.links)
      if (::symlinkat(kept.file.name.c_str(), folder, link.c_str()) != 0)
        return trouble("link " + quote(link));
    return {};
  }

 private:
  Result<void> add_file(int folder, Kept& kept) {
    // O_PATH does for a link, and opens nothing.
    if (linking_ == Linking::Allowed) {
      auto linked = link(folder, kept);
      if (!linked) return std::unexpected(std::move(linked).error());
      if (*linked) return {};
    }
    const auto source = open_unchanged(kept, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!source) return std::unexpected(source.error());
    const auto way = copy_file(source->get(), folder, kept.file.name);
    if (!way) return std::unexpected(way.error());
    // What was read while it changed is neither.
    struct stat after {};
    if (::fstat(source->get(), &after) != 0)
      return trouble("stat " + quote(kept.file.source.value));
    if (origin_of(after) != kept.origin) return changed(kept);
    kept.way = Way::Copied;
    ++(*way == CopyWay::Cloned ? counts_.cloned : counts_.copied);
    return {};
  }

  // False where it cannot be made and a copy may do.
  Result<bool> link(int folder, Kept& kept) {
    const auto source = open_unchanged(kept, O_PATH);
    if (!source) return std::unexpected(source.error());
    // By the descriptor, for its name may mean another file by now.
    const auto held = "/proc/self/fd/" + std::to_string(source->get());
    if (::linkat(AT_FDCWD, held.c_str(), folder, kept.file.name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      kept.way = Way::Linked;
      ++counts_.linked;
      return true;
    }
    if (may_be_copied(errno)) return false;
    if (errno == ENOENT) return changed(kept);  // a file that has no name any more
    return trouble("link " + quote(kept.file.source.value));
  }

  Result<UniqueFd> open_unchanged(const Kept& kept, int flags) {
    auto source = sources_.open(kept.file.source, flags);
    if (!source) return std::unexpected(std::move(source).error());
    if (source->origin != kept.origin) return changed(kept);
    return std::move(source->fd);
  }

  static std::unexpected<Error> changed(const Kept& kept) {
    return failure(ErrorId::SrcChanged, "driver file " + quote(kept.file.source.value) +
                                            " changed while the volume was made; try again");
  }

  Sources& sources_;
  Linking linking_;
  Created counts_;
};

Result<void> sync(int fd, const std::string& name) {
  if (::fsync(fd) != 0) return trouble("fsync " + quote(name));
  return {};
}

Result<void> sync_at(int parent, const std::string& name, int flags) {
  const UniqueFd fd(::openat(parent, name.c_str(), flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return trouble("open " + quote(name));
  return sync(fd.get(), name);
}

}  // namespace

Result<Built> build(int parent, const std::string& name, Manifest wanted, Sources& sources,
                    Linking linking) {
  auto folder = make_folder(parent, name);
  if (!folder) return std::unexpected(std::move(folder).error());
  Builder builder(sources, linking);
  for (const auto part : kFolders) {
    const std::string part_name(name_of(part));
    const auto fd = make_folder(folder->get(), part_name);
    if (!fd) return std::unexpected(fd.error());
    for (auto& kept : wanted.files) {
      if (kept.file.folder != part) continue;
      if (auto done = builder.add(fd->get(), kept); !done)
        return std::unexpected(std::move(done).error());
    }
  }
  return Built{
      .folder = *std::move(folder), .manifest = std::move(wanted), .counts = builder.counts()};
}

Result<void> put_on_disk(const Built& built) {
  const int folder = built.folder.get();
  for (const auto& kept : built.manifest.files) {
    if (kept.way != Way::Copied) continue;
    const auto path = std::string(name_of(kept.file.folder)) + "/" + kept.file.name;
    if (auto done = sync_at(folder, path, O_NONBLOCK); !done) return done;
  }
  for (const auto part : kFolders)
    if (auto done = sync_at(folder, std::string(name_of(part)), O_DIRECTORY); !done) return done;
  return sync(folder, "the new volume");
}

}  // namespace nvhook::volumes
