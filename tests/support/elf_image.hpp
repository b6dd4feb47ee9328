// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nvhook::test {

// A little-endian shared object of a few hundred bytes: header, segments, dynamic section, notes.
// What the fields leave out is not in the file. It has no code: nobody can load it.
struct ElfImage {
  struct Note {
    std::uint32_t type = 0;
    std::string name;  // without its NUL
    std::string description;
  };

  int bits = 64;
  std::uint16_t machine = 62;  // EM_X86_64
  std::string soname;
  std::vector<std::string> needed;
  std::vector<Note> notes;

  // A section of type SHT_NOTE. With any, the file ends with these, their names and their table.
  struct Section {
    std::string name;
    std::string bytes;
  };
  std::vector<Section> note_sections = {};

  [[nodiscard]] std::string bytes() const;
};

// Where things lie in the bytes, for tests that damage them (64 bits).
inline constexpr std::size_t kElfType = 16;
inline constexpr std::size_t kElfSectionTable = 40;
inline constexpr std::size_t kElfSegmentCount = 56;
inline constexpr std::size_t kElfSectionSize = 58;
inline constexpr std::size_t kElfSectionCount = 60;
inline constexpr std::size_t kElfSectionNames = 62;
inline constexpr std::size_t kElfSegments = 64;  // PT_LOAD, PT_DYNAMIC, PT_NOTE; 56 bytes each

// A note as the linker puts it into objects that need Linux `major`.`minor`.`patch` or later.
// Source: elf.h, NT_GNU_ABI_TAG.
[[nodiscard]] ElfImage::Note abi_note(std::uint32_t major, std::uint32_t minor,
                                      std::uint32_t patch);

}  // namespace nvhook::test
