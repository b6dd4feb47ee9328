// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nvhook/nvml/document.hpp"

// What is taken from an answer is written as a document that says the same, and no version has
// anything in it that versions are not compared by.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::nvml;
  const auto nvml = parse({reinterpret_cast<const char*>(data), size});
  if (!nvml) return 0;

  for (const auto& gpu : nvml->gpus)
    if (gpu.arch && gpu.arch->find_first_not_of("0123456789.") != std::string::npos) std::abort();
  const auto text = to_json(*nvml);
  if (text.size() > kMaxDocument) return 0;  // escapes make it longer
  const auto again = parse(text);
  if (!again || *again != *nvml) std::abort();
  return 0;
}
