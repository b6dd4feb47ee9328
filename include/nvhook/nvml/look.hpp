// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "nvhook/nvml/nvml.hpp"
#include "nvhook/nvml/what.hpp"

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

// Looks time and again. The libraries are loaded and initialised once, at the first look at which
// that can be done. What does not change is asked once: what the boards are and can do, how they
// are connected, what CUDA says; of a GPU of which something failed, with each look.
class Lookout {
 public:
  explicit Lookout(Wanted libraries);  // all is wanted of them
  ~Lookout();

  [[nodiscard]] Nvml look(What what);

 private:
  struct State;
  Gpu look_at(unsigned index, What what);

  Wanted libraries_;
  std::unique_ptr<State> state_;
};

}  // namespace nvhook::nvml
