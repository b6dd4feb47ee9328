// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

// What libnvidia-ml and libcuda of the simulated driver know. The writer (simulated-driver) links a
// JSON text into each of them; it is read in place. Nothing here allocates or needs libstdc++ at
// run time: the libraries are loaded in containers that have another one, or none.
namespace simdriver {

struct Gpu {
  std::string_view model;
  std::string_view uuid;  // "GPU-..."
  unsigned minor = 0;     // of /dev/nvidia<minor>
};

// GPUs that a description may hold; the writer's limit is lower.
inline constexpr std::size_t kMaxGpus = 64;

[[nodiscard]] std::string_view driver_version();  // "550.54.14"
[[nodiscard]] int cuda_version();                 // 1000 * major + 10 * minor

// Writes the GPUs in order of their index, returns how many there are.
[[nodiscard]] std::size_t gpus(Gpu (&out)[kMaxGpus]);

}  // namespace simdriver
