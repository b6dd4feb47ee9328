// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nvhook/config/settings.hpp"

// Whatever the file says: roots that nvhook opens are absolute paths.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::config;
  const auto parsed = parse({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!parsed) return 0;

  const auto& [roots, search, container, log] = parsed->settings;
  for (const auto* path : {&roots.driver, &roots.proc, &roots.sys, &search.nodes})
    if (!path->starts_with('/')) std::abort();
  for (const auto* path : {&roots.dev, &log.file})
    if (!path->empty() && !path->starts_with('/')) std::abort();
  for (const auto* list : {&search.libraries, &search.programs})
    for (const auto& path : *list)
      if (!path.starts_with('/')) std::abort();
  if (container.layout != nvhook::Layout::System && container.layout != nvhook::Layout::Tree)
    std::abort();
  if (container.cuda_compat != CudaCompat::Auto && container.cuda_compat != CudaCompat::Off)
    std::abort();
  return 0;
}
