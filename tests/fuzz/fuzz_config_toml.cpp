// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nvhook/config/address.hpp"
#include "nvhook/config/nvidia_toml.hpp"
#include "nvhook/config/print.hpp"
#include "nvhook/config/settings.hpp"

namespace {

using namespace nvhook::config;

// Whatever the file says: paths that nvhook opens are absolute, words are words, times bounded.
void check_settings(const Settings& settings) {
  const auto& [roots, search, requests, container, nvml, companion, log] = settings;
  for (const auto* path : {&roots.driver, &roots.proc, &roots.sys, &search.nodes, &companion.store,
                           &companion.socket_directory})
    if (!path->starts_with('/')) std::abort();
  for (const auto* path :
       {&roots.dev, &container.mps_directory, &nvml.probe, &companion.spec_file, &log.file})
    if (!path->empty() && !path->starts_with('/')) std::abort();
  for (const auto* list : {&search.libraries, &search.programs})
    for (const auto& path : *list)
      if (!path.starts_with('/')) std::abort();
  for (const auto& name : requests.swarm_resources)
    if (name.empty() || name.find('=') != name.npos) std::abort();
  if (container.layout > nvhook::Layout::Tree || container.cuda_compat > CudaCompat::Off ||
      container.procfs > nvhook::ProcfsView::None)
    std::abort();
  if (!parse_address(companion.listen)) std::abort();
  if (nvml.deadline < kShortestDeadline || nvml.deadline > kLongestDeadline) std::abort();
}

// What is printed of them is a file that says the same.
void check(const nvhook::Result<Parsed>& parsed) {
  if (!parsed) return;
  check_settings(parsed->settings);
  const auto again = parse(to_toml(*parsed), "again.toml");
  if (again && (again->settings != parsed->settings || !again->warnings.empty())) std::abort();
  // A path may be too long for a line.
  if (!again && again.error().message().find(": line longer than ") == std::string::npos)
    std::abort();
}

}  // namespace

// The same text as a file of ours, and of NVIDIA's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(parse(text, "fuzz.toml"));
  check(parse_nvidia(text, "fuzz.toml"));
  return 0;
}
