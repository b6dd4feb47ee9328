// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

// Host directories of which nothing may change while others race, cheap enough to be asked after
// each of a million attempts. A change leaves its time in the directory even if it is undone.
class Silence {
 public:
  // `directories` with a file `canary` in each, as seen through `seen_from`: "/" or the root of a
  // process in another mount namespace ("/proc/<pid>/root").
  Silence(const std::vector<std::filesystem::path>& directories, const std::string& canary,
          const std::filesystem::path& seen_from);

  // What has changed since this was made or accepted; empty if nothing has.
  [[nodiscard]] std::string broken_by() const;
  // From now on the present state is the silent one.
  void accept();

 private:
  struct Watched {
    std::string what;
    UniqueFd directory;
    std::string name;  // "" for the directory itself
    struct stat before{};
  };
  static struct stat look_at(const Watched& watched);

  std::vector<Watched> watched_;
};

}  // namespace nvhook::test
