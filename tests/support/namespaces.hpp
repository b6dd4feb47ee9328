// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

// What `question` answers, 0 to 255, in a process that has joined the mount namespace of process
// `pid`, and its user namespace if that is another one: there it is root and has all capabilities.
[[nodiscard]] int ask_root_of(pid_t pid, const std::function<int()>& question);

// A mount namespace in a user namespace, both new, as a container has them: the mounts are copies
// of this process's. Its ids are this machine's own, so that nothing is denied for the want of an
// owner's rights. Ends with the object. Needs root.
class Namespaces {
 public:
  Namespaces();
  Namespaces(const Namespaces&) = delete;
  Namespaces& operator=(const Namespaces&) = delete;
  ~Namespaces();

  [[nodiscard]] int user() const { return user_.get(); }
  [[nodiscard]] int mount() const { return mount_.get(); }
  [[nodiscard]] int ask_root(const std::function<int()>& question) const {
    return ask_root_of(holder_, question);
  }

 private:
  pid_t holder_ = -1;
  UniqueFd user_;
  UniqueFd mount_;
};

}  // namespace nvhook::test
