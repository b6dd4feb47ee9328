// SPDX-License-Identifier: Apache-2.0
#include "nvhook/elf/elf.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/path.hpp"

namespace nvhook::elf {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are copied as they are");

constexpr std::size_t kMaxSegments = 256;        // the linker makes about ten
constexpr std::size_t kMaxDynamic = 4096;        // entries; a large library has 40
constexpr std::size_t kMaxNeeded = 256;          // a large library has 20
constexpr std::size_t kMaxNotes = 256;           // a usual file has three
constexpr std::size_t kMaxNoteBytes = 1U << 16;  // of one segment or section; usual are 100
constexpr std::size_t kMaxSections = 512;        // the linker makes about thirty

struct Bits32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Section = Elf32_Shdr;
  using Dynamic = Elf32_Dyn;
};

struct Bits64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Section = Elf64_Shdr;
  using Dynamic = Elf64_Dyn;
};

std::unexpected<Error> malformed(std::string_view what) {
  return failure(ErrorId::DriverRead, "ELF file: " + std::string(what));
}

// The string table that the dynamic section names: where it lies in the file.
struct StringTable {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// What the dynamic section says, all as offsets: strings count from the string table's start.
struct Dynamic {
  std::uint64_t strings_address = 0;
  std::uint64_t strings_size = 0;
  std::optional<std::uint64_t> soname;
  std::vector<std::uint64_t> needed;
};

template <class Bits>
Result<typename Bits::Header> read_header(const ReadAt& read_at) {
  const auto start = read_at(0, sizeof(typename Bits::Header));
  if (!start) return malformed("shorter than its header");
  const auto header = ByteReader(*start).take<typename Bits::Header>();
  if (!header) return malformed("shorter than its header");
  if (header->e_type != ET_DYN) return malformed("not a shared object");
  return *header;
}

template <class Bits>
Result<std::vector<typename Bits::Segment>> read_segments(const ReadAt& read_at) {
  const auto header = read_header<Bits>(read_at);
  if (!header) return std::unexpected(header.error());
  if (header->e_phentsize != sizeof(typename Bits::Segment))
    return malformed("segment entries of a strange size");
  // PN_XNUM (0xffff: the count stands elsewhere) is beyond the limit as well.
  if (header->e_phnum > kMaxSegments) return malformed("too many segments");

  const auto table = read_at(header->e_phoff, header->e_phnum * sizeof(typename Bits::Segment));
  if (!table) return malformed("segment table outside the file");
  ByteReader in(*table);
  std::vector<typename Bits::Segment> segments;
  segments.reserve(header->e_phnum);
  while (const auto segment = in.take<typename Bits::Segment>()) segments.push_back(*segment);
  return segments;
}

template <class Bits>
Result<Dynamic> read_dynamic(const ReadAt& read_at, const typename Bits::Segment& segment) {
  constexpr auto kEntry = sizeof(typename Bits::Dynamic);
  if (segment.p_filesz / kEntry > kMaxDynamic) return malformed("too many dynamic entries");
  const auto bytes = read_at(segment.p_offset, static_cast<std::size_t>(segment.p_filesz));
  if (!bytes) return malformed("dynamic segment outside the file");

  Dynamic dynamic;
  ByteReader in(*bytes);
  while (const auto entry = in.take<typename Bits::Dynamic>()) {
    const std::uint64_t value = entry->d_un.d_val;
    if (entry->d_tag == DT_NULL) break;
    if (entry->d_tag == DT_STRTAB) dynamic.strings_address = value;
    if (entry->d_tag == DT_STRSZ) dynamic.strings_size = value;
    if (entry->d_tag == DT_SONAME) dynamic.soname = value;
    if (entry->d_tag == DT_NEEDED) {
      if (dynamic.needed.size() == kMaxNeeded) return malformed("needs too many libraries");
      dynamic.needed.push_back(value);
    }
  }
  return dynamic;
}

// Finds the file offset of the strings, which the dynamic section gives as an address in memory.
template <class Segment>
Result<StringTable> locate_strings(const std::vector<Segment>& segments, const Dynamic& dynamic) {
  for (const auto& segment : segments) {
    if (segment.p_type != PT_LOAD || dynamic.strings_address < segment.p_vaddr) continue;
    const std::uint64_t inside = dynamic.strings_address - segment.p_vaddr;
    const std::uint64_t in_file = segment.p_filesz;
    if (inside >= in_file) continue;
    if (dynamic.strings_size > in_file - inside) return malformed("string table past its segment");
    const std::uint64_t offset = segment.p_offset + inside;
    if (offset < inside) return malformed("string table outside the file");
    return StringTable{offset, dynamic.strings_size};
  }
  return malformed("string table in no segment");
}

// The NUL-terminated string at `position` of the table.
Result<std::string_view> string_at(const ReadAt& read_at, const StringTable& strings,
                                   std::uint64_t position) {
  if (position >= strings.size) return malformed("string outside its table");
  const auto longest = std::min<std::uint64_t>(strings.size - position, kMaxName + 1);
  if (strings.offset + position < strings.offset) return malformed("string outside the file");
  const auto bytes = read_at(strings.offset + position, static_cast<std::size_t>(longest));
  if (!bytes) return malformed("string outside the file");
  const auto end = std::ranges::find(*bytes, std::byte{0});
  if (end == bytes->end()) return malformed("string without an end, or too long for a name");
  return std::string_view(reinterpret_cast<const char*>(bytes->data()),
                          static_cast<std::size_t>(end - bytes->begin()));
}

// The part of `bytes` behind its first `size`, or nothing left of it.
std::span<const std::byte> skip(std::span<const std::byte> bytes, std::size_t size) {
  return bytes.subspan(std::min(size, bytes.size()));
}

// A note is three words (name size, description size, type), then name and description, each padded
// to the segment's alignment: 4, or 8 for those of .note.gnu.property. Source: elf(5); glibc,
// elf/dl-load.c ELF_NOTE_NEXT_OFFSET.
template <class Segment>
Result<bool> read_notes(const ReadAt& read_at, const Segment& segment, std::vector<Note>& notes) {
  if (segment.p_filesz > kMaxNoteBytes) return malformed("too long notes");
  const auto bytes = read_at(segment.p_offset, static_cast<std::size_t>(segment.p_filesz));
  if (!bytes) return malformed("notes outside the file");
  auto rest = *bytes;
  const std::size_t align = segment.p_align == 8 ? 8 : 4;
  const auto padded = [align](std::size_t size) { return (size + align - 1) / align * align; };

  // Both classes have the same header; what is shorter is padding.
  while (const auto header = ByteReader(rest).take<Elf64_Nhdr>()) {
    if (notes.size() == kMaxNotes) return malformed("too many notes");
    if (header->n_namesz > rest.size() || header->n_descsz > rest.size())
      return malformed("note past its segment");
    const auto description_at = padded(sizeof(Elf64_Nhdr) + header->n_namesz);
    if (description_at > rest.size() || header->n_descsz > rest.size() - description_at)
      return malformed("note past its segment");

    std::string_view name(reinterpret_cast<const char*>(rest.data()) + sizeof(Elf64_Nhdr),
                          header->n_namesz);
    if (name.ends_with('\0')) name.remove_suffix(1);
    notes.push_back({header->n_type, name, rest.subspan(description_at, header->n_descsz)});
    rest = skip(rest, padded(description_at + header->n_descsz));
  }
  return true;
}

template <class Bits>
Result<std::vector<Note>> segment_notes(const ReadAt& read_at) {
  const auto segments = read_segments<Bits>(read_at);
  if (!segments) return std::unexpected(segments.error());
  std::vector<Note> notes;
  for (const auto& segment : *segments) {
    if (segment.p_type != PT_NOTE) continue;
    auto read = read_notes(read_at, segment, notes);
    if (!read) return std::unexpected(std::move(read).error());
  }
  return notes;
}

// Whether the string at `position` of the sections' string table is `name`.
template <class Section>
Result<bool> has_name(const ReadAt& read_at, const Section& strings, std::uint64_t position,
                      std::string_view name) {
  if (position >= strings.sh_size) return malformed("section name outside its table");
  const std::uint64_t start = strings.sh_offset + position;
  if (start < position) return malformed("section name outside the file");
  if (strings.sh_size - position <= name.size()) return false;  // with its NUL it is longer
  const auto bytes = read_at(start, name.size() + 1);
  if (!bytes) return malformed("section name outside the file");
  return bytes->back() == std::byte{0} &&
         std::ranges::equal(bytes->first(name.size()), std::as_bytes(std::span(name)));
}

template <class Bits>
Result<std::optional<std::span<const std::byte>>> note_section(const ReadAt& read_at,
                                                               std::string_view name) {
  using Section = typename Bits::Section;
  const auto header = read_header<Bits>(read_at);
  if (!header) return std::unexpected(header.error());
  if (header->e_shoff == 0 || header->e_shnum == 0) return std::nullopt;
  if (header->e_shentsize != sizeof(Section)) return malformed("section entries of a strange size");
  if (header->e_shnum > kMaxSections) return malformed("too many sections");
  if (header->e_shstrndx >= header->e_shnum) return malformed("section names in no section");

  const auto table = read_at(header->e_shoff, header->e_shnum * sizeof(Section));
  if (!table) return malformed("section table outside the file");
  const auto strings =
      ByteReader(skip(*table, header->e_shstrndx * sizeof(Section))).take<Section>();
  ByteReader in(*table);
  while (const auto section = in.take<Section>()) {
    if (section->sh_type != SHT_NOTE) continue;
    const auto is_it = has_name(read_at, *strings, section->sh_name, name);
    if (!is_it) return std::unexpected(is_it.error());
    if (!*is_it) continue;
    if (section->sh_size > kMaxNoteBytes) return malformed("too long notes");
    const auto bytes = read_at(section->sh_offset, static_cast<std::size_t>(section->sh_size));
    if (!bytes) return malformed("notes outside the file");
    return *bytes;
  }
  return std::nullopt;
}

template <class Bits>
Result<Library> parse_as(const ReadAt& read_at, Identity identity) {
  const auto segments = read_segments<Bits>(read_at);
  if (!segments) return std::unexpected(segments.error());

  Library library{.identity = identity, .soname = {}, .needed = {}, .notes = {}};
  bool has_dynamic = false;
  for (const auto& segment : *segments) {
    if (segment.p_type == PT_NOTE) {
      auto read = read_notes(read_at, segment, library.notes);
      if (!read) return std::unexpected(std::move(read).error());
    }
    if (segment.p_type != PT_DYNAMIC || has_dynamic) continue;
    has_dynamic = true;
    const auto dynamic = read_dynamic<Bits>(read_at, segment);
    if (!dynamic) return std::unexpected(dynamic.error());
    if (!dynamic->soname && dynamic->needed.empty()) continue;  // no string is asked for
    const auto strings = locate_strings(*segments, *dynamic);
    if (!strings) return std::unexpected(strings.error());
    if (const auto position = dynamic->soname) {
      const auto soname = string_at(read_at, *strings, *position);
      if (!soname) return std::unexpected(soname.error());
      library.soname = *soname;
    }
    for (const auto position : dynamic->needed) {
      const auto needed = string_at(read_at, *strings, position);
      if (!needed) return std::unexpected(needed.error());
      library.needed.push_back(*needed);
    }
  }
  if (!has_dynamic) return malformed("no dynamic segment");
  return library;
}

Result<Identity> identify_at_start(const ReadAt& read_at) {
  const auto start = read_at(0, kIdentityBytes);
  if (!start) return malformed("shorter than its header");
  return identify(*start);
}

}  // namespace

std::string name_of(Machine machine) {
  switch (machine) {
    case Machine::I386:
      return "i386";
    case Machine::Arm:
      return "arm";
    case Machine::X86_64:
      return "x86-64";
    case Machine::AArch64:
      return "aarch64";
  }
  return "machine " + std::to_string(static_cast<unsigned>(machine));
}

Identity native() {
#if defined(__x86_64__)
  return {Class::Elf64, Machine::X86_64};
#elif defined(__aarch64__)
  return {Class::Elf64, Machine::AArch64};
#else
#error "no NVIDIA driver of today supports this machine"
#endif
}

Result<Identity> identify(std::span<const std::byte> start) {
  // e_ident, e_type and e_machine: the same in both classes.
  ByteReader in(start);
  const auto ident = in.take<std::array<unsigned char, EI_NIDENT>>();
  const auto type = in.take<std::uint16_t>();
  const auto machine = in.take<std::uint16_t>();
  if (!ident || !type || !machine) return malformed("shorter than its header");
  if (std::memcmp(ident->data(), ELFMAG, SELFMAG) != 0) return malformed("bad magic");
  if ((*ident)[EI_DATA] != ELFDATA2LSB) return malformed("not little endian");
  if ((*ident)[EI_VERSION] != EV_CURRENT) return malformed("unknown version");
  const auto elf_class = (*ident)[EI_CLASS];
  if (elf_class != ELFCLASS32 && elf_class != ELFCLASS64) return malformed("unknown class");
  return Identity{static_cast<Class>(elf_class), static_cast<Machine>(*machine)};
}

Result<Library> parse(const ReadAt& read_at) {
  const auto identity = identify_at_start(read_at);
  if (!identity) return std::unexpected(identity.error());
  return identity->elf_class == Class::Elf32 ? parse_as<Bits32>(read_at, *identity)
                                             : parse_as<Bits64>(read_at, *identity);
}

Result<std::vector<Note>> notes_of_segments(const ReadAt& read_at) {
  const auto identity = identify_at_start(read_at);
  if (!identity) return std::unexpected(identity.error());
  return identity->elf_class == Class::Elf32 ? segment_notes<Bits32>(read_at)
                                             : segment_notes<Bits64>(read_at);
}

Result<std::optional<std::span<const std::byte>>> find_note_section(const ReadAt& read_at,
                                                                    std::string_view name) {
  const auto identity = identify_at_start(read_at);
  if (!identity) return std::unexpected(identity.error());
  return identity->elf_class == Class::Elf32 ? note_section<Bits32>(read_at, name)
                                             : note_section<Bits64>(read_at, name);
}

Result<Library> parse(std::span<const std::byte> file) {
  return parse(
      [file](std::uint64_t offset, std::size_t size) -> std::optional<std::span<const std::byte>> {
        if (offset > file.size() || size > file.size() - offset) return std::nullopt;
        return file.subspan(static_cast<std::size_t>(offset), size);
      });
}

}  // namespace nvhook::elf
