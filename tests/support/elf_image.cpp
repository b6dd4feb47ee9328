// SPDX-License-Identifier: Apache-2.0
#include "support/elf_image.hpp"

#include <elf.h>

#include <cstring>

#include "nvhook/base/byte_writer.hpp"

namespace nvhook::test {
namespace {

// Memory addresses differ from file offsets, as in real libraries' data segments.
constexpr std::uint32_t kBase = 0x1000;

template <class Header, class Section>
void add_sections(std::string& file, const std::vector<ElfImage::Section>& wanted) {
  std::string names(1, '\0');
  std::vector<Section> table(1);  // the first is none
  const auto add = [&](const std::string& name, std::uint32_t type, const std::string& bytes) {
    Section section{};
    section.sh_name = static_cast<std::uint32_t>(names.size());
    section.sh_type = type;
    section.sh_offset = static_cast<std::uint32_t>(file.size());
    section.sh_size = static_cast<std::uint32_t>(bytes.size());
    section.sh_addralign = 4;
    table.push_back(section);
    names += name + '\0';
    file += bytes;
  };
  for (const auto& section : wanted) add(section.name, SHT_NOTE, section.bytes);
  const std::string own_name = ".shstrtab";
  add(own_name, SHT_STRTAB, names + own_name + '\0');

  Header header;
  std::memcpy(&header, file.data(), sizeof header);
  header.e_shoff = static_cast<std::uint32_t>(file.size());
  header.e_shentsize = sizeof(Section);
  header.e_shnum = static_cast<std::uint16_t>(table.size());
  header.e_shstrndx = static_cast<std::uint16_t>(table.size() - 1);
  std::memcpy(file.data(), &header, sizeof header);
  ByteWriter out;
  for (const auto& section : table) out.put(section);
  file += std::move(out).take();
}

template <class Header, class Segment, class Dynamic, class Section>
std::string image(const ElfImage& wanted, unsigned char elf_class) {
  std::string strings(1, '\0');
  const auto intern = [&strings](const std::string& text) {
    const auto at = strings.size();
    strings += text;
    strings += '\0';
    return static_cast<std::uint32_t>(at);
  };

  std::vector<Dynamic> dynamic;
  const auto tag = [&dynamic](auto name, auto value) {
    Dynamic entry{};
    entry.d_tag = name;
    entry.d_un.d_val = value;
    dynamic.push_back(entry);
  };
  for (const auto& needed : wanted.needed) tag(DT_NEEDED, intern(needed));
  if (!wanted.soname.empty()) tag(DT_SONAME, intern(wanted.soname));
  constexpr int kSegments = 3;
  const std::uint32_t strings_at = sizeof(Header) + kSegments * sizeof(Segment);
  tag(DT_STRTAB, kBase + strings_at);
  tag(DT_STRSZ, static_cast<std::uint32_t>(strings.size()));
  tag(DT_NULL, 0U);

  ByteWriter notes;
  const auto padded = [&notes](std::string text) {
    text.resize((text.size() + 3) / 4 * 4);
    for (const char c : text) notes.put(c);
  };
  for (const auto& note : wanted.notes) {
    notes.put(static_cast<std::uint32_t>(note.name.size() + 1));
    notes.put(static_cast<std::uint32_t>(note.description.size()));
    notes.put(note.type);
    padded(note.name + '\0');
    padded(note.description);
  }
  const auto note_bytes = std::move(notes).take();
  strings.resize((strings.size() + 7) / 8 * 8);
  const auto dynamic_at = strings_at + static_cast<std::uint32_t>(strings.size());
  const auto dynamic_size = static_cast<std::uint32_t>(dynamic.size() * sizeof(Dynamic));
  const auto notes_at = dynamic_at + dynamic_size;
  const auto notes_size = static_cast<std::uint32_t>(note_bytes.size());

  Header header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = elf_class;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = wanted.machine;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Header);
  header.e_ehsize = sizeof(Header);
  header.e_phentsize = sizeof(Segment);
  header.e_phnum = kSegments;

  ByteWriter out;
  out.put(header);
  const auto segment = [&out](std::uint32_t type, std::uint32_t at, std::uint32_t size) {
    Segment entry{};
    entry.p_type = type;
    entry.p_offset = at;
    entry.p_vaddr = kBase + at;
    entry.p_filesz = size;
    entry.p_memsz = size;
    entry.p_align = 4;
    out.put(entry);
  };
  segment(PT_LOAD, 0, notes_at + notes_size);
  segment(PT_DYNAMIC, dynamic_at, dynamic_size);
  segment(PT_NOTE, notes_at, notes_size);
  for (const char c : strings) out.put(c);
  for (const auto& entry : dynamic) out.put(entry);
  auto file = std::move(out).take() + note_bytes;
  if (!wanted.note_sections.empty()) add_sections<Header, Section>(file, wanted.note_sections);
  return file;
}

}  // namespace

std::string ElfImage::bytes() const {
  return bits == 32 ? image<Elf32_Ehdr, Elf32_Phdr, Elf32_Dyn, Elf32_Shdr>(*this, ELFCLASS32)
                    : image<Elf64_Ehdr, Elf64_Phdr, Elf64_Dyn, Elf64_Shdr>(*this, ELFCLASS64);
}

ElfImage::Note abi_note(std::uint32_t major, std::uint32_t minor, std::uint32_t patch) {
  ByteWriter words;
  words.put(std::uint32_t{ELF_NOTE_OS_LINUX});
  words.put(major);
  words.put(minor);
  words.put(patch);
  return {NT_GNU_ABI_TAG, "GNU", std::move(words).take()};
}

}  // namespace nvhook::test
