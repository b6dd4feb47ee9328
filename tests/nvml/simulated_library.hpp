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

// Of this many Tesla K40m, the values behind recorded answers of nvidia-docker-plugin 1.0.1;
// `shape`: k40, or k40-na, whose NVML supports little (tests/simdriver/shapes).
[[nodiscard]] nlohmann::ordered_json description_of_k40s(std::size_t count = 2,
                                                         const std::string& shape = "k40");

// libnvidia-ml.so and libcuda.so of the simulated driver, which answer from such a description. Of
// an older driver: it lacks the functions of these names.
class SimulatedLibraries {
 public:
  explicit SimulatedLibraries(nlohmann::ordered_json description = description_of_two_gpus(),
                              const std::vector<std::string>& lacking = {});

  [[nodiscard]] std::string nvml() const { return tree_.on_disk("/libnvidia-ml.so").string(); }
  [[nodiscard]] std::string cuda() const { return tree_.on_disk("/libcuda.so").string(); }
  // What stands for /dev/<name>.
  [[nodiscard]] std::string node(const std::string& name) const {
    return tree_.on_disk("/dev/" + name).string();
  }

 private:
  FakeRoot tree_;
};

}  // namespace nvhook::test
