// SPDX-License-Identifier: Apache-2.0
#include "nvml/simulated_library.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/command.hpp"

namespace nvhook::test {

nlohmann::ordered_json description_of_two_gpus() {
  return {{"driver", "550.54.14"},
          {"cuda", 12040},
          {"gpus",
           {{{"model", "NVIDIA A100-SXM4-40GB"},
             {"uuid", "GPU-5eed0000-51d1-4a00-8000-000000000000"},
             {"minor", 0},
             {"bus", "0000:01:00.0"},
             {"brand", 2},
             {"arch", 80},
             {"mig_mode", 1},
             {"mig", {"0 MIG-aaaa 1 0", "2 MIG-bbbb 5 1"}},
             {"memory_bytes", 42949672960},
             {"memory_used_bytes", 23068672},
             {"bar1_bytes", 68719476736},
             {"bar1_used_bytes", 2097152},
             {"power_limit_mw", 400000},
             {"pcie_generation", 4},
             {"pcie_width", 16},
             {"max_sm_mhz", 1410},
             {"max_memory_mhz", 1215},
             {"topology_level", 10},
             {"p2p_status", 0},
             {"gpu_percent", 97},
             {"memory_percent", 42},
             {"encoder_percent", 1},
             {"decoder_percent", 0},
             {"temperature_c", 61},
             {"power_mw", 149250},
             {"clock_graphics_mhz", 1095},
             {"clock_sm_mhz", 1095},
             {"clock_memory_mhz", 1215},
             {"clock_video_mhz", 960},
             {"ecc_l1", 0},
             {"ecc_l2", 1},
             {"ecc_memory", 2},
             {"pcie_rx_kbps", 1250000},
             {"pcie_tx_kbps", 87000},
             {"performance_state", 0},
             {"processes", {"4242 3261071360 /usr/bin/python", "31337 143654912 ./nbody"}},
             {"cuda_16", 108},
             {"cuda_32", 1},
             {"cuda_81", 167936},
             {"cuda_09", 65536},
             {"cuda_38", 41943040},
             {"cuda_36", 1215000},
             {"cuda_37", 5120}},
            {{"model", "NVIDIA L4"},
             {"uuid", "GPU-5fee0101-51d1-4a00-8000-000000000001"},
             {"minor", 1},
             {"bus", "0000:0a:00.0"},
             {"brand", 5},
             {"arch", 89}}}}};
}

nlohmann::ordered_json description_of_k40s(std::size_t count, const std::string& shape) {
  std::ifstream file(NVHOOK_SIMDRIVER_SHAPES "/" + shape + ".json");
  auto description = nlohmann::ordered_json::parse(file);
  auto& gpus = description["gpus"];
  gpus.erase(gpus.begin() + static_cast<std::ptrdiff_t>(count), gpus.end());
  return description;
}

namespace {

// nlohmann's own form has no blank behind a colon, and the simulated driver looks for one.
std::string text_of(const nlohmann::ordered_json& description) { return description.dump(0); }

void must(const std::vector<std::string>& command) {
  const auto done = run(command);
  EXPECT_EQ(done.status, 0) << done.err;
}

}  // namespace

SimulatedLibraries::SimulatedLibraries(nlohmann::ordered_json description,
                                       const std::vector<std::string>& lacking) {
  // Plain files will do for nodes: they can be opened.
  std::vector<std::string> nodes = {"/dev/nvidiactl", "/dev/nvidia-uvm"};
  for (const auto& gpu : description["gpus"])
    nodes.push_back("/dev/nvidia" + std::to_string(gpu.at("minor").get<unsigned>()));
  for (const auto& node : nodes) {
    tree_.file(node);
    ::chmod(tree_.on_disk(node).c_str(), 0666);
  }
  description["root"] = tree_.on_disk().string();
  std::string hidden;
  for (const auto& name : lacking) hidden += name + ";";
  tree_.file("/description.json", text_of(description))
      .file("/symbols", "{ global: *; local: " + (hidden.empty() ? "none;" : hidden) + " };");
  const auto at = [&](const char* name) { return tree_.on_disk(name).string(); };
  must({"sh", "-c",
        "cd " + tree_.on_disk().string() +
            " && ld -m elf_x86_64 -r -b binary -z noexecstack -o description.o "
            "description.json"});
  for (const auto& [file, archive] :
       {std::pair{"/libnvidia-ml.so", "libnvml64.a"}, {"/libcuda.so", "libcuda64.a"}})
    must({"ld", "-m", "elf_x86_64", "-shared", "-z", "noexecstack", "--version-script",
          at("/symbols"), "-o", at(file), "--whole-archive",
          std::string(NVHOOK_SIMDRIVER_PARTS "/") + archive, "--no-whole-archive",
          at("/description.o"), "-lc", "-L/usr/lib/x86_64-linux-gnu"});
}

}  // namespace nvhook::test
