// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nvhook/oci/config.hpp"
#include "nvhook/oci/outline.hpp"
#include "nvhook/oci/record.hpp"

// What the parser accepts, the outline takes for whole; a container whose environment names the
// driver is never taken for one that does not mention it; the record gives back what was parsed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::oci;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const auto config = parse_config(text);
  if (!config) return 0;
  if (!looks_whole(text)) std::abort();
  for (const auto& entry : config->env) {
    if (!entry.contains('=')) std::abort();
    if (entry.starts_with("NVIDIA_") && !mentions_gpu(text)) std::abort();
  }
  const auto decoded = decode_config(encode(*config));
  if (!decoded || *decoded != *config) std::abort();
  return 0;
}
