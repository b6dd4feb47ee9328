// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/request/request.hpp"

// The input is an environment, one entry a line. A list of GPUs is never empty nor longer than
// what was written; reading its items once more gives the same GPUs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::request;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> env;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    env.emplace_back(line);
    rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
  }

  const auto parsed = parse(env);
  if (!parsed || !std::holds_alternative<Request>(*parsed)) return 0;
  const auto& request = std::get<Request>(*parsed);
  if (request.devices.empty()) std::abort();
  if (const auto* gpus = std::get_if<std::vector<GpuId>>(&request.gpus))
    if (gpus->size() != request.devices.size()) std::abort();

  std::string again = "NVIDIA_VISIBLE_DEVICES=";
  for (const auto& device : request.devices) again += device + ",";
  const auto reparsed = parse({again});
  if (!reparsed || std::get<Request>(*reparsed).gpus != request.gpus) std::abort();
  return 0;
}
