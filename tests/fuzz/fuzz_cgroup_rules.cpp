// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "nvhook/cgroup/devices.hpp"

// The input is a devices.list. What it lacks is of the wanted devices, each once, and something;
// with a rule for all of that nothing is lacking, and with one rule for everything neither.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::cgroup;
  const std::string list(reinterpret_cast<const char*>(data), size);
  const std::vector<nvhook::DeviceNumber> wanted = {{195, 0}, {195, 255}, {510, 0}, {195, 0}};

  const auto missing = lacking(list, wanted);
  if (!missing) return 0;
  std::string rules = list;
  if (!rules.empty() && !rules.ends_with('\n')) rules += '\n';
  const auto everything = lacking(rules + "a *:* rwm\n", wanted);
  if (!everything || !everything->empty()) std::abort();

  for (const auto& lack : *missing) {
    if (std::ranges::find(wanted, lack.device) == wanted.end()) std::abort();
    if (std::ranges::count(*missing, lack.device, &Lack::device) != 1) std::abort();
    if (!lack.read && !lack.write) std::abort();
    // The kernel merges what is allowed into the rule of the very device.
    rules += "c " + std::to_string(lack.device.major) + ":" + std::to_string(lack.device.minor) +
             " rw\n";
  }
  const auto still_missing = lacking(rules, wanted);
  if (!still_missing || !still_missing->empty()) std::abort();
  return 0;
}
