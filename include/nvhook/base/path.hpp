// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook {

inline constexpr std::size_t kMaxPath = 4095;  // PATH_MAX without its NUL, linux/limits.h
inline constexpr std::size_t kMaxName = 255;   // NAME_MAX, linux/limits.h

// An absolute path on one side of the mount. Two types, so that the host's /dev/nvidia0 cannot be
// passed where the container's is meant.
template <class Side>
struct PathOn {
  std::string value;
  auto operator<=>(const PathOn&) const = default;

  // The way in for text that we did not write: absolute, no "." or ".." component, no NUL, each
  // component and the whole within the kernel's limits. Repeated slashes are folded.
  // Fails with E_STATE_FIELD.
  [[nodiscard]] static Result<PathOn> parse(std::string_view text);

  // The path of `name`, one component, in this directory.
  [[nodiscard]] PathOn operator/(std::string_view name) const {
    return {value == "/" ? "/" + std::string(name) : value + "/" + std::string(name)};
  }
  // "/usr/lib" of "/usr/lib/x"; "/" of "/x" and of "/".
  [[nodiscard]] PathOn parent() const;
  // "x" of "/usr/lib/x"; "" of "/".
  [[nodiscard]] std::string_view name() const;
};

using HostPath = PathOn<struct HostSide>;
using ContainerPath = PathOn<struct ContainerSide>;

extern template struct PathOn<HostSide>;
extern template struct PathOn<ContainerSide>;

// A directory descriptor that stands for "/" of one side. Borrowed: the owner keeps it open.
template <class Side>
struct RootOf {
  int fd = -1;
};

using HostRoot = RootOf<HostSide>;
using ContainerRoot = RootOf<ContainerSide>;

}  // namespace nvhook
