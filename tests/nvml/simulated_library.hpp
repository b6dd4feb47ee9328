// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/fake_root.hpp"

namespace nvhook::test {

// What NVML and CUDA of the simulated driver say of a machine with two GPUs, of which the first is
// partitioned; in the form of tests/simdriver/description.cpp.
[[nodiscard]] nlohmann::ordered_json description_of_two_gpus();

// libnvidia-ml.so and libcuda.so of the simulated driver, which answer from such a description. Of
// an older driver: it lacks the functions of these names.
class SimulatedLibraries {
 public:
  explicit SimulatedLibraries(nlohmann::ordered_json description = description_of_two_gpus(),
                              const std::vector<std::string>& lacking = {});

  [[nodiscard]] std::string nvml() const { return tree_.on_disk("/libnvidia-ml.so").string(); }
  [[nodiscard]] std::string cuda() const { return tree_.on_disk("/libcuda.so").string(); }

 private:
  FakeRoot tree_;
};

}  // namespace nvhook::test
