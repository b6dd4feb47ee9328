// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "nvhook/base/path.hpp"
#include "nvhook/ldcache/ldcache.hpp"

namespace {

using Bytes = std::span<const std::byte>;

bool lies_within(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// Text of at most `longest` bytes with its NUL behind it, inside the file.
bool is_text_within(std::string_view text, Bytes whole, std::size_t longest) {
  return text.size() <= longest && text.find('\0') == std::string_view::npos &&
         lies_within(std::as_bytes(std::span(text.data(), text.size() + 1)), whole) &&
         text.data()[text.size()] == '\0';
}

}  // namespace

// Beyond "does not crash": every string and extension handed out lies inside the input, and there
// are no more entries than fit into it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto cache = nvhook::ldcache::parse(file);
  if (!cache) return 0;
  if (cache->entries.size() > size / 24) std::abort();
  for (const auto& entry : cache->entries)
    if (!is_text_within(entry.name, file, nvhook::kMaxName) ||
        !is_text_within(entry.path, file, nvhook::kMaxPath))
      std::abort();
  for (const auto& extension : cache->extensions)
    if (!lies_within(extension.bytes, file)) std::abort();
  return 0;
}
