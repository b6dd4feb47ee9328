// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/mount/mount.hpp"
#include "nvhook/mount/source.hpp"
#include "nvhook/mount/tier.hpp"
#include "support/own_mounts.hpp"
#include "support/tiers.hpp"

// What the tests of mounts share.
namespace nvhook::mount {

inline UniqueFd hold(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

inline std::string content(const std::string& path) {
  std::string text;
  std::getline(std::ifstream(path), text);
  return text;
}

inline int open_error(const std::string& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  return fd ? 0 : errno;
}

// A root with a file "/source" and a file "/target" to mount it on.
class MountTest : public test::OwnMounts {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped()) return;
    root_.file("/source", "ours").file("/target", "theirs");
    fds_ = UniqueFd(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  [[nodiscard]] Result<Source> source_of(Tier tier, const MountOptions& options,
                                         std::string_view file = "/source") const {
    return test::source_of(tier, path(file), options);
  }

  // Mounts it at the target, the name of which is looked up as a whole.
  Result<UniqueFd> mount_at(std::string_view target, Result<Source> source) {
    if (!source) return std::unexpected(std::move(source).error());
    const auto point = hold(path(target));
    const auto directory = hold(path("/"));
    const std::string name(target.substr(1));
    return attach(std::move(*source),
                  {.fd = point.get(),
                   .directory = directory.get(),
                   .name = name,
                   .is_new = [](int) { return true; }},
                  fds_.get());
  }

  // The line's part behind the mount point: options, optional fields, "- type ...".
  [[nodiscard]] std::string line_of(std::string_view inside) const {
    const auto text = mountinfo();
    const auto mark = " " + path(inside) + " ";
    const auto at = text.rfind(mark);
    if (at == text.npos) return {};
    const auto begin = at + mark.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  UniqueFd fds_;
};

}  // namespace nvhook::mount
