// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::compat {

inline constexpr std::size_t kMaxNames = 256;  // in the directory; usual are 16

// The newer driver libraries that an image brings for CUDA's forward compatibility.
struct Libraries {
  ContainerPath directory;  // where it really is: without any symbolic link
  // "libcuda.so.1", sorted: files of this machine or links to such, of letters, digits and "._+-".
  std::vector<std::string> names;
  std::string version;  // of its libcuda: "575.57.08"
  UniqueFd libcuda;     // that file, open for reading
};

// Why the image has none that could be used; for people. Empty where there is no such directory.
struct Nothing {
  std::string why;
};

// Looks for the directory /usr/local/cuda/compat, following links inside the root as the container
// will, and in the root's own mount only. It must hold kMaxNames names at most, and one libcuda
// with a version of two or three numbers. Names that are no regular files, lead elsewhere or have
// another machine's code are passed over; 20 bytes of each are read. Whatever an image has there is
// no failure. To be called in the mount namespace that the hook started in, with the right to look
// into every directory of the image. Fails with E_KERNEL, E_RACE. Source: NVIDIA Container Toolkit,
// cmd/nvidia-cdi-hook/cudacompat: the directory, and that one file must match libcuda.so.*.*.
[[nodiscard]] Result<std::variant<Libraries, Nothing>> find(ContainerRoot root);

}  // namespace nvhook::compat
