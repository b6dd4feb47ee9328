// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>

#include "nvhook/elf/elf.hpp"

namespace {

using Bytes = std::span<const std::byte>;

bool lies_within(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// A name has its NUL behind it, inside the file.
bool is_name_within(std::string_view name, Bytes whole) {
  return name.data() == nullptr || (lies_within(bytes_of({name.data(), name.size() + 1}), whole) &&
                                    name.find('\0') == std::string_view::npos);
}

}  // namespace

// Beyond "does not crash": everything handed out lies inside the input, and a file that parses also
// has an identity, the same one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto section = nvhook::elf::find_note_section(
      [file](std::uint64_t offset, std::size_t length) -> std::optional<Bytes> {
        if (offset > file.size() || length > file.size() - offset) return std::nullopt;
        return file.subspan(static_cast<std::size_t>(offset), length);
      },
      ".note.x");
  if (section && *section && !lies_within(**section, file)) std::abort();

  const auto library = nvhook::elf::parse(file);
  if (!library) return 0;
  const auto identity = nvhook::elf::identify(file.first(nvhook::elf::kIdentityBytes));
  if (!identity || *identity != library->identity) std::abort();
  if (!is_name_within(library->soname, file)) std::abort();
  for (const auto needed : library->needed)
    if (!is_name_within(needed, file)) std::abort();
  for (const auto& note : library->notes)
    if (!lies_within(bytes_of(note.name), file) || !lies_within(note.description, file))
      std::abort();
  return 0;
}
