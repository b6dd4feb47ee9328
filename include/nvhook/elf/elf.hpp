// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::elf {

enum class Class : std::uint8_t { Elf32 = 1, Elf64 = 2 };

// e_machine; values of other machines are kept as they are. Source: elf.h, EM_*.
enum class Machine : std::uint16_t { I386 = 3, Arm = 40, X86_64 = 62, AArch64 = 183 };

struct Identity {
  Class elf_class = Class::Elf64;
  Machine machine = Machine::X86_64;
  bool operator==(const Identity&) const = default;
};

// "x86-64", "aarch64", "i386", "arm"; other machines by number: "machine 243".
[[nodiscard]] std::string name_of(Machine machine);

// The machine that this program was built for.
[[nodiscard]] Identity native();

// A note of a PT_NOTE segment. Views borrow from the parsed bytes.
// Source: elf(5), "Notes (Nhdr)".
struct Note {
  std::uint32_t type = 0;
  std::string_view name;  // without its NUL
  std::span<const std::byte> description;
};

// What the hook needs to know of a shared object. Views borrow from the parsed bytes.
struct Library {
  Identity identity;
  std::string_view soname;               // empty: it has none
  std::vector<std::string_view> needed;  // DT_NEEDED, in file order
  std::vector<Note> notes;
};

// The first bytes of a file, at least kIdentityBytes of them for a valid one.
// Fails with E_DRIVER_READ; callers that read an image re-label it (Error::as).
inline constexpr std::size_t kIdentityBytes = 20;
[[nodiscard]] Result<Identity> identify(std::span<const std::byte> start);

// Parses a shared object, 32 or 64 bits, little endian, by its segments: they are what the loader
// goes by, sections may be stripped. Linear in the number of segments, dynamic entries and notes;
// every table is bounded (constants in elf.cpp).
// Fails with E_DRIVER_READ.
[[nodiscard]] Result<Library> parse(std::span<const std::byte> file);

// Gives the `size` bytes at `offset` of a file, or nothing where the file ends before that. The
// bytes must stay where they are for as long as the Library parsed from them is looked at.
using ReadAt = std::function<std::optional<std::span<const std::byte>>(std::uint64_t offset,
                                                                       std::size_t size)>;

// The same for a file that is too long to be read whole (driver libraries have up to 200 MB): asks
// for a few kilobytes of it.
[[nodiscard]] Result<Library> parse(const ReadAt& read_at);

// The notes of a shared object's PT_NOTE segments, without anything else of it. Asks for the
// header, the segments' table and each such segment; bounded as parse(). Fails with E_DRIVER_READ.
[[nodiscard]] Result<std::vector<Note>> notes_of_segments(const ReadAt& read_at);

// The bytes of the first section of type SHT_NOTE that has this name; nothing where there is none,
// or where the file has no sections. No loader goes by sections: they may say anything. Asks for
// the header, the sections' table (512 of them at most), names and the section (64 KiB at most).
// Fails with E_DRIVER_READ. Source: elf(5), "Section header (Shdr)".
[[nodiscard]] Result<std::optional<std::span<const std::byte>>> find_note_section(
    const ReadAt& read_at, std::string_view name);

}  // namespace nvhook::elf
