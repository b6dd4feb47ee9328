// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/nvml/nvml.hpp"

// The inside of nvhook-nvml. Runs vendor code in this process, which may never return, crash, or do
// anything else: nothing but that program calls it.
namespace nvhook::nvml {

struct Wanted {
  std::string nvml = "libnvidia-ml.so.1";  // a path, or a name for the loader's own search
  std::string cuda;                        // likewise; empty: CUDA is not asked
  bool status = false;
  bool topology = false;
};

// What NVML says, and CUDA where it is asked. A library that cannot be loaded or initialised is
// Nvml::error; what it lacks, or will not say, is missing from the answer.
[[nodiscard]] Nvml look(const Wanted& wanted);

}  // namespace nvhook::nvml
