// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nvhook/base/unique_fd.hpp"
#include "nvhook/cgroup/devices.hpp"

namespace nvhook::apply {

// What was made in the container, in order, so that it can be taken away again. Directory
// descriptors are borrowed: whoever opened them keeps them until the end.
class Undo {
 public:
  // `fd_directory`: this process's fd directory of the verified procfs, for unmounting.
  explicit Undo(int fd_directory) : fd_directory_(fd_directory) {}

  // Takes the memory for one more thing, so that noting it cannot fail once it is made: to be
  // called before, with the strings at hand.
  void make_room();
  void made_file(int directory, std::string name);
  void made_directory(int directory, std::string name);
  void made_link(int directory, std::string name, std::string text);
  // Which inode the thing made last is: from now on nothing else of its name is removed.
  void made_inode(dev_t device, ino_t inode);
  // The link that was made last has changed places with `name`, where the image had a link of its
  // own, which stands under our link's first name now.
  void exchanged_link(std::string name);
  // Which inode that link of the image's is: no other is removed in the end.
  void kept_inode(dev_t device, ino_t inode);
  void mounted(UniqueFd tree);
  // Borrows the cgroup.
  void allowed(const cgroup::DeviceCgroup& cgroup, cgroup::Granted granted);

  // Takes everything away, last made first; what is not ours any more stays: a name that somebody
  // gave to another file, a directory in use. A link of the image's is never removed: where its
  // name is somebody else's by now, it stays where it was kept. Goes on past failures: the runtime
  // is about to destroy the container, and half an undo is better than none.
  void roll_back();

  // The run has succeeded: drops what was kept only for rolling back.
  void commit();

 private:
  struct Inode {
    dev_t device;
    ino_t number;
  };
  struct File {
    int directory;
    std::string name;
    std::optional<Inode> inode;
  };
  struct Directory {
    int directory;
    std::string name;
    std::optional<Inode> inode;
  };
  struct Link {
    int directory;
    std::string name;
    std::optional<Inode> inode;
    std::string text;
  };
  struct ExchangedLink {
    Link link;            // ours, where the image's was
    std::string kept_as;  // the image's
    std::optional<Inode> kept;
  };
  struct Mounted {
    UniqueFd tree;
  };
  struct Allowed {
    const cgroup::DeviceCgroup* cgroup;
    cgroup::Granted granted;
  };
  using Made = std::variant<File, Directory, Link, ExchangedLink, Mounted, Allowed>;

  [[nodiscard]] static bool stands(const Link& link, const std::string& name);
  static void put_back(const ExchangedLink& exchanged);
  void take_away(const Made& made) const;

  int fd_directory_;
  std::vector<Made> made_;
};

}  // namespace nvhook::apply
