// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

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
  // directory of the verified procfs.
  Placer(const container::Rootfs& rootfs, Undo& undo, int fd_directory)
      : rootfs_(rootfs), undo_(undo), fd_directory_(fd_directory) {}

  // Mounts a file at `target`, making an empty file there if there is none.
  // Fails with E_DST_*, E_PROPAGATION, E_NOSPC, E_USERNS, E_RACE, E_KERNEL.
  [[nodiscard]] Result<void> place_mount(mount::Source source, const ContainerPath& target);

  // Whether every mount and link still stands where it was placed, and the container finds it
  // there: from another mount namespace mount points can be unlinked, which takes the mount away
  // without a word, and the directories that they are in exchanged. Fails with E_RACE.
  [[nodiscard]] Result<void> verify() const;

  // Makes the link, or exchanges it for the stale one that the plan names.
  [[nodiscard]] Result<void> place_link(const plan::Symlink& link);

 private:
  // The directory, opened once and made where it is missing. The descriptor is ours.
  [[nodiscard]] Result<int> directory(const ContainerPath& path);
  [[nodiscard]] Result<UniqueFd> make_directory(const ContainerPath& path);
  // Whether the mount is neither one of ours nor one that the container's root consists of.
  [[nodiscard]] bool is_unknown(int mount) const;
  [[nodiscard]] Result<void> check_mount(const ContainerPath& path, int directory);
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

  const container::Rootfs& rootfs_;
  Undo& undo_;
  int fd_directory_;
  std::set<std::uint64_t> private_mounts_;  // by id, found to be so
  std::vector<Placed> placed_;
  std::vector<Linked> linked_;
  std::map<ContainerPath, UniqueFd> directories_;
};

}  // namespace nvhook::apply
