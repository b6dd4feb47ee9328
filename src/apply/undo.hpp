// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::apply {

// What was made in the container, in order, so that it can be taken away again. Directory
// descriptors are borrowed: whoever opened them keeps them until the end.
class Undo {
 public:
  // `fd_directory`: this process's fd directory of the verified procfs, for unmounting.
  explicit Undo(int fd_directory) : fd_directory_(fd_directory) {}

  void made_file(int directory, std::string name);
  // Which inode the file made last is: from now on no other of its name is removed.
  void file_is(dev_t device, ino_t inode);
  void made_directory(int directory, std::string name);
  void made_link(int directory, std::string name, std::string text);
  // `name` is our link to `text` now, the image's stands under `kept_as` beside it.
  void exchanged_link(int directory, std::string name, std::string text, std::string kept_as);
  void mounted(UniqueFd tree);

  // Takes everything away, last made first; what is not ours any more stays: a name that somebody
  // gave to another file, a directory in use. Goes on past failures: the runtime is about to
  // destroy the container, and half an undo is better than none.
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
  };
  struct Link {
    int directory;
    std::string name;
    std::string text;
  };
  struct ExchangedLink {
    Link link;
    std::string kept_as;
  };
  struct Mounted {
    UniqueFd tree;
  };
  using Made = std::variant<File, Directory, Link, ExchangedLink, Mounted>;

  [[nodiscard]] static bool stands(const Link& link);
  void take_away(const Made& made) const;

  int fd_directory_;
  std::vector<Made> made_;
};

}  // namespace nvhook::apply
