// SPDX-License-Identifier: Apache-2.0
#include "place.hpp"

#include <fcntl.h>
#include <stdio.h>
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
#include "nvhook/files/write.hpp"
#include "nvhook/mount/propagation.hpp"

namespace nvhook::apply {
namespace {

constexpr mode_t kMountpointMode = 0444;  // of an empty file that is always mounted over
constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

// What a failure to make something at a target means.
ErrorId id_of_creation(int error) {
  switch (error) {
    case EROFS:
    case EACCES:
    case EPERM:
      return ErrorId::DstReadOnly;
    case ENOSPC:
    case EDQUOT:
      return ErrorId::NoSpace;
    case EOVERFLOW:
      return ErrorId::Userns;
    case EEXIST:
    case ENOENT:
    case EISDIR:  // where a file was to be replaced
      return ErrorId::Race;
    default:
      return ErrorId::Kernel;
  }
}

// What a failure to open a target means.
ErrorId id_of_lookup(const Error& error) {
  if (error.id() == ErrorId::Race) return ErrorId::Race;
  if (error.code() == std::errc::cross_device_link) return ErrorId::DstForeignMount;
  if (error.code() == std::errc::too_many_symbolic_link_levels) return ErrorId::DstType;
  return ErrorId::DstResolve;
}

bool same_file(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// What mknod makes, as it is while nobody has changed it.
bool is_placeholder(const struct stat& status) {
  return S_ISREG(status.st_mode) && (status.st_mode & 07777U) == kMountpointMode &&
         status.st_size == 0 && status.st_nlink == 1;
}

std::unexpected<Error> cannot_make(std::string_view what, const ContainerPath& path) {
  return system_failure(id_of_creation(errno), std::string(what) + " " + quote(path.value));
}

// A run that was killed may have left such a name, and a process id comes again.
constexpr int kMaxLeftovers = 16;
std::string name_beside(const std::string& name, int leftovers) {
  auto beside = "." + name + ".nvhook-" + std::to_string(::getpid());
  if (leftovers > 0) beside += "." + std::to_string(leftovers);
  return beside;
}

}  // namespace

void Placer::note_made(const ContainerPath& path, const struct stat& status) {
  made_.push_back({path, status.st_ino});
}

Result<UniqueFd> Placer::make_directory(const ContainerPath& path) {
  const auto parent = directory(path.parent());
  if (!parent) return std::unexpected(Error(parent.error()));
  const std::string name(path.name());
  auto noted = name;  // whatever needs memory comes before what would have to be undone
  undo_.make_room();
  if (::mkdirat(*parent, name.c_str(), kDirectoryMode) != 0)
    return cannot_make("make directory", path);
  undo_.made_directory(*parent, std::move(noted));
  auto fd = files::open_at(*parent, name, O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  if (!fd) return std::unexpected(std::move(fd).error().as(ErrorId::Race));
  if (struct stat status{}; ::fstat(fd->get(), &status) == 0) {
    undo_.made_inode(status.st_dev, status.st_ino);
    note_made(path, status);
  }
  return fd;
}

// Whether things may be made and mounted on the mount that the directory lies on. The plan has
// decided this on what the survey saw; here it is seen again on the descriptor.
Result<void> Placer::check_mount(const ContainerPath& path, int directory) {
  const auto mount_id = files::mount_id_of(directory);
  if (!mount_id) return std::unexpected(Error(mount_id.error()));
  const bool in_tree = tree_ && path.value.starts_with(tree_->value);
  const bool below_dev = path.value == "/dev" || path.value.starts_with("/dev/");
  const bool in_dev = (below_dev || in_tree) && *mount_id == rootfs_.dev_mount_id;
  if (*mount_id != rootfs_.mount_id && *mount_id != tree_mount_ && !in_dev)
    return failure(ErrorId::DstForeignMount,
                   quote(path.value) + " lies in a volume or another file system");
  if (private_mounts_.contains(*mount_id)) return {};
  // Kernels that cannot say leave it at the survey.
  const auto shared = mount::is_shared(directory);
  if (!shared) return std::unexpected(Error(shared.error()).within(quote(path.value)));
  if (*shared == true)
    return failure(ErrorId::Propagation,
                   "mounts in " + quote(path.value) +
                       " would appear elsewhere: its mount became a shared one");
  private_mounts_.insert(*mount_id);
  return {};
}

// Below a directory of this host that was mounted: what is made there would be made on the host.
bool Placer::is_foreign(const ContainerPath& path) const {
  return std::ranges::any_of(foreign_, [&](const ContainerPath& foreign) {
    return path == foreign || path.value.starts_with(foreign.value + "/");
  });
}

Result<int> Placer::directory(const ContainerPath& path) {
  if (is_foreign(path))
    return failure(ErrorId::DstForeignMount,
                   quote(path.value) + " lies in a directory of this host that the container gets");
  if (const auto known = directories_.find(path); known != directories_.end())
    return known->second.get();
  // The plan has resolved all links: one that stands here now was put here since.
  const auto name = path.value == "/" ? "." : path.value.substr(1);
  auto fd = files::open_at(rootfs_.fd.get(), name, O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!fd && fd.error().code() == std::errc::no_such_file_or_directory && path.value != "/")
    fd = make_directory(path);
  if (!fd) {
    auto error = std::move(fd).error().within("container directory " + quote(path.value));
    // make_directory has chosen its id already.
    if (error.id() != ErrorId::Kernel) return std::unexpected(std::move(error));
    const bool link = error.code() == std::errc::too_many_symbolic_link_levels;
    return std::unexpected(std::move(error).as(link ? ErrorId::Race : ErrorId::DstResolve));
  }
  if (auto fine = check_mount(path, fd->get()); !fine)
    return std::unexpected(std::move(fine).error());
  const int borrowed = fd->get();
  directories_.emplace(path, std::move(*fd));
  return borrowed;
}

bool Placer::is_unknown(int mount) const {
  const auto id = files::mount_id_of(mount);
  return id && *id != rootfs_.mount_id && *id != rootfs_.dev_mount_id &&
         std::ranges::find(placed_, *id, &Placed::mount_id) == placed_.end();
}

Result<void> Placer::place_mount(mount::Source source, const ContainerPath& target) {
  const auto parent = directory(target.parent());
  if (!parent) return std::unexpected(Error(parent.error()));
  const std::string name(target.name());
  auto noted = name;

  undo_.make_room();
  const bool made = ::mknodat(*parent, name.c_str(), S_IFREG | kMountpointMode, 0) == 0;
  if (!made && errno != EEXIST) return cannot_make("make mount point", target);
  if (made) undo_.made_file(*parent, std::move(noted));
  auto point = files::open_at(*parent, name, O_PATH | O_NOFOLLOW, files::Lookup::SameMount);
  if (!point) {
    const bool gone = point.error().code() == std::errc::no_such_file_or_directory;
    const auto id = gone ? ErrorId::Race : id_of_lookup(point.error());
    return std::unexpected(std::move(point).error().within("mount point").as(id));
  }
  struct stat status {};
  if (::fstat(point->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(target.value));
  if (made) {
    if (!is_placeholder(status))
      return failure(ErrorId::Race, quote(target.value) + " was exchanged while it was made");
    undo_.made_inode(status.st_dev, status.st_ino);
    note_made(target, status);
  }
  // The kernel would mount over a link, a fifo or a device just as well.
  if (!S_ISREG(status.st_mode))
    return failure(ErrorId::DstType, quote(target.value) + " is not a plain file");
  undo_.make_room();
  auto mounted = mount::attach(std::move(source),
                               {.fd = point->get(),
                                .directory = *parent,
                                .name = name,
                                .is_new = [this](int mount) { return is_unknown(mount); }},
                               fd_directory_);
  if (!mounted) {
    auto error = std::move(mounted).error().within(quote(target.value));
    const bool unlinked = error.code() == std::errc::no_such_file_or_directory;
    return std::unexpected(unlinked ? std::move(error).as(ErrorId::Race) : std::move(error));
  }
  const auto mount_id = files::mount_id_of(mounted->get());
  undo_.mounted(std::move(*mounted));
  if (!mount_id) return std::unexpected(mount_id.error());
  placed_.push_back({*parent, name, *mount_id});
  return {};
}

Result<std::uint64_t> Placer::mount_directory(mount::Source source, const ContainerPath& path) {
  // Made if it is missing, seen to lie where things may be mounted.
  const auto point = directory(path);
  if (!point) return std::unexpected(Error(point.error()));
  const auto parent = directory(path.parent());
  if (!parent) return std::unexpected(Error(parent.error()));
  const std::string name(path.name());
  undo_.make_room();
  auto mounted = mount::attach(std::move(source),
                               {.fd = *point,
                                .directory = *parent,
                                .name = name,
                                .is_new = [this](int mount) { return is_unknown(mount); }},
                               fd_directory_);
  if (!mounted) return failed_to(quote(path.value), std::move(mounted));
  auto inside = files::open_at(mounted->get(), ".", O_PATH | O_DIRECTORY, files::Lookup::SameMount);
  const auto mount_id = files::mount_id_of(mounted->get());
  undo_.mounted(std::move(*mounted));
  if (!inside) return std::unexpected(std::move(inside).error());
  if (!mount_id) return std::unexpected(Error(mount_id.error()));
  placed_.push_back({*parent, name, *mount_id});
  // The undoing may name what lies below by its descriptor.
  covered_.push_back(std::exchange(directories_[path], std::move(*inside)));
  return *mount_id;
}

Result<void> Placer::place_tree(UniqueFd tree, const ContainerPath& path) {
  const auto mount_id = mount_directory(mount::DetachedTree{std::move(tree)}, path);
  if (!mount_id) return std::unexpected(Error(mount_id.error()));
  tree_mount_ = *mount_id;
  return {};
}

Result<void> Placer::place_directory(mount::Source source, const ContainerPath& path) {
  const auto mount_id = mount_directory(std::move(source), path);
  if (!mount_id) return std::unexpected(Error(mount_id.error()));
  foreign_.push_back(path);
  return {};
}

// The descriptor is open for writing; whoever asked closes it.
Result<UniqueFd> Placer::make_file(int directory, std::string name, const ContainerPath& path) {
  undo_.make_room();
  UniqueFd file(::openat(directory, name.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!file) return cannot_make("make file", path);
  undo_.made_file(directory, std::move(name));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  undo_.made_inode(status.st_dev, status.st_ino);
  note_made(path, status);
  return file;
}

Result<void> Placer::place_file(const ContainerPath& path, std::string_view content) {
  const auto parent = directory(path.parent());
  if (!parent) return std::unexpected(Error(parent.error()));
  const auto file = make_file(*parent, std::string(path.name()), path);
  if (!file) return std::unexpected(Error(file.error()));
  if (auto done = files::write_whole(file->get(), content); !done)
    return failed_to(quote(path.value), std::move(done));
  return {};
}

Result<mount::Source> Placer::hold_file(const ContainerPath& directory_path,
                                        const std::string& name) {
  const auto parent = directory(directory_path);
  if (!parent) return std::unexpected(Error(parent.error()));
  auto file = files::open_at(*parent, name, O_PATH | O_NOFOLLOW, files::Lookup::SameMount);
  if (!file) return std::unexpected(std::move(file).error().as(ErrorId::Race));
  return mount::HeldFile{std::move(*file), kFileMount};
}

Result<void> Placer::prepare_file(const ContainerPath& path, std::string_view content,
                                  bool replaces, const std::string& label) {
  const auto parent = directory(path.parent());
  if (!parent) return std::unexpected(Error(parent.error()));
  const std::string name(path.name());
  for (int leftovers = 0;; ++leftovers) {
    auto beside = name_beside(name, leftovers);
    const auto file = make_file(*parent, beside, path);
    if (!file && file.error().code() == std::errc::file_exists && leftovers < kMaxLeftovers)
      continue;
    if (!file) return std::unexpected(Error(file.error()));
    if (auto done = files::write_whole(file->get(), content); !done)
      return failed_to(quote(path.value), std::move(done));
    if (!label.empty() &&
        ::fsetxattr(file->get(), container::kSelinuxLabel, label.data(), label.size(), 0) != 0)
      return system_failure(ErrorId::Kernel, "label " + quote(path.value));
    prepared_ = Prepared{*parent, name, std::move(beside), path, replaces};
    return {};
  }
}

Result<void> Placer::exchange() {
  if (!prepared_) return {};
  const auto& [parent, name, beside, path, replaces] = *prepared_;
  if (::renameat2(parent, beside.c_str(), parent, name.c_str(), replaces ? 0 : RENAME_NOREPLACE) !=
      0)
    return cannot_make("rename to", path);
  return {};
}

Result<void> Placer::verify() const {
  for (const auto& [path, held] : directories_) {
    const auto name = path.value == "/" ? "." : path.value.substr(1);
    const auto found =
        files::open_at(rootfs_.fd.get(), name, O_PATH | O_DIRECTORY, files::Lookup::Plain);
    if (!found || !same_file(found->get(), held.get()))
      return failure(ErrorId::Race, quote(path.value) + " was exchanged while the hook ran");
  }
  for (const auto& [parent, name, mount_id] : placed_)
    if (const auto now = files::mount_id_at(parent, name); !now || *now != mount_id)
      return failure(ErrorId::Race, "the mount at " + quote(name) + " was taken away");
  for (const auto& link : linked_) {
    struct stat now {};
    if (::fstatat(link.parent, link.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0 ||
        now.st_dev != link.device || now.st_ino != link.inode)
      return failure(ErrorId::Race, "the link " + quote(link.name) + " was taken away");
  }
  return {};
}

Result<std::string> Placer::make_link_beside(int directory, const std::string& name,
                                             const plan::Symlink& link) {
  for (int leftovers = 0; leftovers < kMaxLeftovers; ++leftovers) {
    auto beside = name_beside(name, leftovers);
    auto noted = beside;
    auto text = link.target;
    if (::symlinkat(link.target.c_str(), directory, beside.c_str()) == 0) {
      undo_.made_link(directory, std::move(noted), std::move(text));
      return beside;
    }
    if (errno != EEXIST) break;
  }
  return cannot_make("make link", link.path);
}

bool Placer::keep_link_in_tree(int parent, const std::string& name, const plan::Symlink& link) {
  const int error = errno;
  std::array<char, kMaxPath + 1> text{};
  struct stat status {};
  const bool in_tree = tree_ && link.path.value.starts_with(tree_->value + "/");
  const auto size =
      in_tree ? ::readlinkat(parent, name.c_str(), text.data(), text.size()) : ssize_t{-1};
  const bool same = size >= 0 &&
                    std::string_view(text.data(), static_cast<std::size_t>(size)) == link.target &&
                    ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (same) linked_.push_back({parent, name, status.st_dev, status.st_ino});
  errno = error;
  return same;
}

Result<void> Placer::place_link(const plan::Symlink& link) {
  const auto parent = directory(link.path.parent());
  if (!parent) return std::unexpected(Error(parent.error()));
  const std::string name(link.path.name());
  struct stat status {};
  // Nothing can be said of a link that is gone: verify() will miss it.
  const auto inode_at = [&](const std::string& at, auto tell) {
    status = {};
    if (::fstatat(*parent, at.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      (undo_.*tell)(status.st_dev, status.st_ino);
  };
  auto noted = name;
  auto text_noted = link.target;
  undo_.make_room();
  if (!link.replaces) {
    if (::symlinkat(link.target.c_str(), *parent, name.c_str()) != 0) {
      if (errno == EEXIST && keep_link_in_tree(*parent, name, link)) return {};
      return cannot_make("make link", link.path);
    }
    undo_.made_link(*parent, std::move(noted), std::move(text_noted));
    inode_at(name, &Undo::made_inode);
    linked_.push_back({*parent, name, status.st_dev, status.st_ino});
    note_made(link.path, status);
    return {};
  }

  const auto beside = make_link_beside(*parent, name, link);
  if (!beside) return std::unexpected(beside.error());
  inode_at(*beside, &Undo::made_inode);
  linked_.push_back({*parent, name, status.st_dev, status.st_ino});
  note_made(link.path, status);
  if (::renameat2(*parent, beside->c_str(), *parent, name.c_str(), RENAME_EXCHANGE) != 0)
    return cannot_make("exchange link", link.path);
  undo_.exchanged_link(std::move(noted));
  // What we hold now must be the stale link of the plan, not something put there since.
  std::array<char, kMaxPath + 1> text{};
  const auto size = ::readlinkat(*parent, beside->c_str(), text.data(), text.size());
  if (size < 0 || std::string_view(text.data(), static_cast<std::size_t>(size)) != *link.replaces)
    return failure(ErrorId::Race, quote(link.path.value) + " changed while the hook ran");
  inode_at(*beside, &Undo::kept_inode);
  return {};
}

}  // namespace nvhook::apply
