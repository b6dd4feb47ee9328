// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/apply/apply.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/mount/source.hpp"
#include "nvhook/plan/plan.hpp"
#include "undo.hpp"

namespace nvhook::apply {

// Puts things into the container's root, from inside its mount namespace, by descriptors alone.
// What stands at a target is checked again here, whatever the survey saw. Nothing that exists is
// opened for writing, changed or removed; stale links are exchanged and can be put back.
class Placer {
 public:
  // Borrows all; `undo` learns of everything that is made. `fd_directory`: this process's fd
  // directory of the verified procfs. `tree`: the plan's, which may be in the runtime's /dev.
  Placer(const container::Rootfs& rootfs, Undo& undo, int fd_directory,
         std::optional<ContainerPath> tree = {})
      : rootfs_(rootfs), undo_(undo), fd_directory_(fd_directory), tree_(std::move(tree)) {}

  // Mounts a file at `target`, making an empty file there if there is none.
  // Fails with E_DST_*, E_PROPAGATION, E_NOSPC, E_USERNS, E_RACE, E_KERNEL.
  [[nodiscard]] Result<void> place_mount(mount::Source source, const ContainerPath& target);

  // Mounts a tree of build_tree() at `path`, over an empty directory that is made, or over one of
  // the image's. Fails likewise.
  [[nodiscard]] Result<void> place_tree(UniqueFd tree, const ContainerPath& path);

  // Likewise a directory of this host's.
  [[nodiscard]] Result<void> place_directory(mount::Source source, const ContainerPath& path);

  // Makes a file where there is none. Fails with E_DST_*, E_NOSPC, E_USERNS, E_RACE, E_KERNEL.
  [[nodiscard]] Result<void> place_file(const ContainerPath& path, std::string_view content);

  // A file of `directory`, which the container has by now, to be mounted elsewhere in it.
  // Fails with E_RACE, E_KERNEL.
  [[nodiscard]] Result<mount::Source> hold_file(const ContainerPath& directory,
                                                const std::string& name);

  // Prepares a file beside `path`, which exchange() gives that name: in the place of what is there
  // if `replaces`, else where nothing is. Fails as place_file() does.
  // It has the label of SELinux's that is given, unless that is empty or the file system has none.
  [[nodiscard]] Result<void> prepare_file(const ContainerPath& path, std::string_view content,
                                          bool replaces, const std::string& label = {});

  // Gives the prepared file its name. This cannot be undone, and must be the last step that can
  // fail. Fails with E_RACE, E_DST_*, E_NOSPC, E_KERNEL.
  [[nodiscard]] Result<void> exchange();

  // What has been made in the root for good, and which inode it is.
  [[nodiscard]] std::vector<Made> take_made() && { return std::move(made_); }

  // Whether every mount and link still stands where it was placed, and the container finds it
  // there: from another mount namespace mount points can be unlinked, which takes the mount away
  // without a word, and the directories that they are in exchanged. Fails with E_RACE.
  [[nodiscard]] Result<void> verify() const;

  // Makes the link, or exchanges it for the stale one that the plan names.
  [[nodiscard]] Result<void> place_link(const plan::Symlink& link);

 private:
  // Mounts a directory at `path`, which leads to it from then on. Gives the mount's id.
  [[nodiscard]] Result<std::uint64_t> mount_directory(mount::Source source,
                                                      const ContainerPath& path);
  // The directory, opened once and made where it is missing. The descriptor is ours.
  [[nodiscard]] Result<int> directory(const ContainerPath& path);
  [[nodiscard]] Result<UniqueFd> make_directory(const ContainerPath& path);
  // Whether the mount is neither one of ours nor one that the container's root consists of.
  [[nodiscard]] bool is_foreign(const ContainerPath& path) const;
  [[nodiscard]] bool is_unknown(int mount) const;
  [[nodiscard]] Result<void> check_mount(const ContainerPath& path, int directory);
  [[nodiscard]] Result<UniqueFd> make_file(int directory, std::string name,
                                           const ContainerPath& path);
  void note_made(const ContainerPath& path, const struct stat& status);
  // Whether the link is in the tree already. Where kernels have it made in the root itself, nobody
  // has looked into it before, and it may be that of an earlier container of the same root. Leaves
  // errno as it is.
  [[nodiscard]] bool keep_link_in_tree(int parent, const std::string& name,
                                       const plan::Symlink& link);
  // Our link under a name that nothing else has, beside `name`.
  [[nodiscard]] Result<std::string> make_link_beside(int directory, const std::string& name,
                                                     const plan::Symlink& link);

  struct Placed {
    int parent;
    std::string name;
    std::uint64_t mount_id;
  };

  struct Linked {
    int parent;
    std::string name;
    dev_t device;
    ino_t inode;
  };

  struct Prepared {
    int parent;
    std::string name;
    std::string beside;
    ContainerPath path;
    bool replaces;
  };

  const container::Rootfs& rootfs_;
  Undo& undo_;
  int fd_directory_;
  std::optional<ContainerPath> tree_;
  std::set<std::uint64_t> private_mounts_;  // by id, found to be so
  std::vector<Placed> placed_;
  std::vector<Linked> linked_;
  std::optional<Prepared> prepared_;
  std::optional<std::uint64_t> tree_mount_;
  std::vector<Made> made_;
  std::map<ContainerPath, UniqueFd> directories_;
  std::vector<UniqueFd> covered_;       // of directories that something was mounted over
  std::vector<ContainerPath> foreign_;  // directories of this host, mounted
};

}  // namespace nvhook::apply
