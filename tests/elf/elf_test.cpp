// SPDX-License-Identifier: Apache-2.0
#include "nvhook/elf/elf.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "nvhook/base/byte_reader.hpp"
#include "support/elf_image.hpp"

namespace nvhook::elf {
namespace {

using test::ElfImage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Writes `value` over the bytes at `at`.
template <class T>
std::string with(std::string bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return bytes;
}

std::string why_refused(const std::string& bytes) {
  const auto library = parse(bytes_of(bytes));
  return library ? "accepted" : library.error().text();
}

TEST(Elf, ReadsASharedObjectOf64Bits) {
  const auto bytes =
      ElfImage{.soname = "libx.so.1", .needed = {"libc.so.6", "libm.so.6"}, .notes = {}}.bytes();

  const auto library = parse(bytes_of(bytes));

  ASSERT_TRUE(library) << library.error().text();
  EXPECT_EQ(library->identity, (Identity{Class::Elf64, Machine::X86_64}));
  EXPECT_EQ(library->soname, "libx.so.1");
  EXPECT_THAT(library->needed, ElementsAre("libc.so.6", "libm.so.6"));
  EXPECT_THAT(library->notes, IsEmpty());
}

TEST(Elf, ReadsASharedObjectOf32Bits) {
  const auto bytes = ElfImage{
      .bits = 32,
      .machine = 3,
      .soname = "libx.so.1",
      .needed = {"libc.so.6"},
      .notes = {test::abi_note(
          2, 3, 99)}}.bytes();

  const auto library = parse(bytes_of(bytes));

  ASSERT_TRUE(library) << library.error().text();
  EXPECT_EQ(library->identity, (Identity{Class::Elf32, Machine::I386}));
  EXPECT_EQ(library->soname, "libx.so.1");
  EXPECT_THAT(library->needed, ElementsAre("libc.so.6"));
  EXPECT_THAT(library->notes, SizeIs(1));
}

TEST(Elf, ReadsEachNoteWithItsPadding) {
  const auto bytes =
      ElfImage{.soname = "", .needed = {}, .notes = {{7, "Four5", "xyz"}, {1, "GNU", "abcd"}}}
          .bytes();

  const auto library = parse(bytes_of(bytes));

  ASSERT_TRUE(library) << library.error().text();
  ASSERT_THAT(library->notes, SizeIs(2));
  EXPECT_EQ(library->notes[0].type, 7U);
  EXPECT_EQ(library->notes[0].name, "Four5");
  EXPECT_THAT(library->notes[0].description,
              ElementsAre(std::byte{'x'}, std::byte{'y'}, std::byte{'z'}));
  EXPECT_EQ(library->notes[1].name, "GNU");
}

TEST(Elf, ReadsWhatTheLinkerOfThisMachineMakes) {
  std::ifstream in(NVHOOK_TINY_LIBRARY, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});

  const auto library = parse(bytes_of(bytes));

  ASSERT_TRUE(library) << library.error().text();
  EXPECT_EQ(library->identity, native());
  EXPECT_EQ(library->soname, "libnvhook-tiny.so.1");
  EXPECT_THAT(library->needed, ::testing::Contains("libc.so.6"));
  EXPECT_THAT(library->notes, ::testing::Contains(::testing::Field(&Note::name, "GNU")));
}

TEST(Elf, AsksForFewBytesOfALongFile) {
  const auto bytes = ElfImage{.soname = "libx.so.1", .needed = {}, .notes = {}}.bytes();
  std::size_t asked = 0;

  const auto library = parse([&](std::uint64_t at, std::size_t size) {
    asked += size;
    return std::optional(bytes_of(bytes).subspan(static_cast<std::size_t>(at), size));
  });

  ASSERT_TRUE(library) << library.error().text();
  EXPECT_EQ(library->soname, "libx.so.1");
  EXPECT_LT(asked, 1024U);
}

TEST(Elf, RefusesWhatIsNotLittleEndianElf) {
  const auto good = ElfImage{.soname = "libx.so.1", .needed = {}, .notes = {}}.bytes();

  EXPECT_THAT(why_refused("GROUP ( libc.so.6 ), a linker script"), HasSubstr("bad magic"));
  EXPECT_THAT(why_refused(""), HasSubstr("shorter"));
  EXPECT_THAT(why_refused(with(good, 5, '\2')), HasSubstr("little endian"));
  EXPECT_THAT(why_refused(with(good, 4, '\3')), HasSubstr("class"));
  EXPECT_THAT(why_refused(with(good, test::kElfType, std::uint16_t{2})),
              HasSubstr("not a shared object"));
}

TEST(Elf, RefusesTablesThatLeaveTheFile) {
  const auto good =
      ElfImage{.soname = "libx.so.1", .needed = {}, .notes = {test::abi_note(3, 2, 0)}}.bytes();
  const std::uint64_t far = 0xffffffffffffff00;
  const auto dynamic = test::kElfSegments + 56;  // p_offset at 8, p_filesz at 32
  const auto note = test::kElfSegments + 2 * 56;

  EXPECT_THAT(why_refused(with(good, 32, far)), HasSubstr("segment table outside"));
  EXPECT_THAT(why_refused(with(good, test::kElfSegmentCount, std::uint16_t{0xffff})),
              HasSubstr("too many segments"));
  EXPECT_THAT(why_refused(with(good, dynamic + 8, far)), HasSubstr("dynamic segment outside"));
  EXPECT_THAT(why_refused(with(good, dynamic + 32, far)), HasSubstr("too many dynamic entries"));
  EXPECT_THAT(why_refused(with(good, note + 8, far)), HasSubstr("notes outside"));
  EXPECT_THAT(why_refused(with(good, note + 32, far)), HasSubstr("too long notes"));
}

TEST(Elf, RefusesStringsThatLeaveTheirTable) {
  const auto good = ElfImage{.soname = "libx.so.1", .needed = {}, .notes = {}}.bytes();
  const auto entries = good.size() - 4 * 16;  // DT_SONAME, DT_STRTAB, DT_STRSZ, DT_NULL

  EXPECT_THAT(why_refused(with(good, entries + 8, std::uint64_t{11})),
              HasSubstr("outside its table"));
  EXPECT_THAT(why_refused(with(good, entries + 24, std::uint64_t{1})), HasSubstr("in no segment"));
  EXPECT_THAT(why_refused(with(good, entries + 40, std::uint64_t{1} << 40U)),
              HasSubstr("string table past its segment"));
  EXPECT_THAT(why_refused(with(good, entries + 40, std::uint64_t{5})), HasSubstr("without an end"));
}

TEST(Elf, RefusesANoteThatLeavesItsSegment) {
  const auto good =
      ElfImage{.soname = "libx.so.1", .needed = {}, .notes = {{1, "GNU", "abcd"}}}.bytes();
  const auto note = good.size() - 20;

  EXPECT_THAT(why_refused(with(good, note, std::uint32_t{0xffffffff})), HasSubstr("note past"));
  EXPECT_THAT(why_refused(with(good, note + 4, std::uint32_t{5})), HasSubstr("note past"));
}

TEST(Elf, SurvivesBeingCutAtAnyLength) {
  const auto good =
      ElfImage{.soname = "libx.so.1", .needed = {"libc.so.6"}, .notes = {test::abi_note(2, 3, 99)}}
          .bytes();

  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(why_refused(good.substr(0, size)), "accepted") << size;
}

ReadAt reader_of(const std::string& bytes) {
  return [&bytes](std::uint64_t at, std::size_t size) -> std::optional<std::span<const std::byte>> {
    if (at > bytes.size() || size > bytes.size() - at) return std::nullopt;
    return bytes_of(bytes).subspan(static_cast<std::size_t>(at), size);
  };
}

// What stands in the section ".note.x", or why nothing can be said.
std::string section_of(const std::string& bytes) {
  const auto section = find_note_section(reader_of(bytes), ".note.x");
  if (!section) return section.error().text();
  if (!*section) return "none";
  return {reinterpret_cast<const char*>((*section)->data()), (*section)->size()};
}

std::string with_sections(std::vector<ElfImage::Section> sections, int bits = 64) {
  return ElfImage{
      .bits = bits, .soname = "", .needed = {}, .notes = {}, .note_sections = std::move(sections)}
      .bytes();
}

TEST(NoteSection, IsFoundByItsWholeName) {
  for (const int bits : {32, 64})
    EXPECT_EQ(section_of(with_sections(
                  {{".note.xy", "a"}, {".note", "b"}, {".note.x", "c"}, {".note.x", "d"}}, bits)),
              "c");
  EXPECT_EQ(section_of(with_sections({{".note.xy", "a"}, {"x", "b"}})), "none");
  EXPECT_EQ(section_of(with_sections({})), "none");
}

TEST(NoteSection, IsFoundWhereThereIsNoSegment) {
  const auto bytes = with(with_sections({{".note.x", "c"}}), test::kElfSegmentCount - 2,
                          std::uint32_t{0});  // neither a number of segments nor a size of entries

  EXPECT_EQ(section_of(bytes), "c");
}

TEST(NoteSection, IsNotReadThroughTablesThatLeaveTheFile) {
  const auto good = with_sections({{".note.x", "abcd"}});
  const auto table = good.size() - 3 * 64;  // sh_name at 0, sh_offset at 24, sh_size at 32
  const std::uint64_t far = 0xffffffffffffff00;

  EXPECT_THAT(section_of(with(good, test::kElfSectionTable, far)), HasSubstr("section table out"));
  EXPECT_THAT(section_of(with(good, test::kElfSectionSize, std::uint16_t{63})),
              HasSubstr("strange size"));
  EXPECT_THAT(section_of(with(good, test::kElfSectionCount, std::uint16_t{513})),
              HasSubstr("too many sections"));
  EXPECT_THAT(section_of(with(good, test::kElfSectionNames, std::uint16_t{3})),
              HasSubstr("names in no section"));
  EXPECT_THAT(section_of(with(good, table + 64, std::uint32_t{1000})),
              HasSubstr("name outside its table"));
  EXPECT_THAT(section_of(with(good, table + 128 + 24, far)), HasSubstr("name outside the file"));
  EXPECT_THAT(section_of(with(good, table + 128 + 24, ~std::uint64_t{0})),
              HasSubstr("name outside the file"));
  EXPECT_THAT(section_of(with(good, table + 64 + 24, far)), HasSubstr("notes outside the file"));
  EXPECT_THAT(section_of(with(good, table + 64 + 32, std::uint64_t{65537})),
              HasSubstr("too long notes"));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_THAT(section_of(good.substr(0, size)), HasSubstr("E_DRIVER_READ")) << size;
}

TEST(NotesOfSegments, AreThoseOfTheWholeLibrary) {
  const auto bytes =
      ElfImage{.soname = "", .needed = {}, .notes = {{7, "Four5", "xyz"}, {1, "GNU", "abcd"}}}
          .bytes();

  const auto notes = notes_of_segments(reader_of(bytes));

  ASSERT_TRUE(notes) << notes.error().text();
  ASSERT_THAT(*notes, SizeIs(2));
  EXPECT_EQ(notes->back().name, "GNU");
  EXPECT_FALSE(notes_of_segments(reader_of(bytes.substr(0, bytes.size() - 1))));
}

TEST(Identity, IsReadFromTheFirstBytesAlone) {
  const auto bytes = ElfImage{.machine = 183, .soname = "", .needed = {}, .notes = {}}.bytes();

  EXPECT_EQ(*identify(bytes_of(bytes.substr(0, kIdentityBytes))),
            (Identity{Class::Elf64, Machine::AArch64}));
  EXPECT_EQ(identify(bytes_of(bytes.substr(0, kIdentityBytes - 1))).error().id(),
            ErrorId::DriverRead);
}

TEST(Machine, HasANameForPeople) {
  EXPECT_EQ(name_of(Machine::X86_64), "x86-64");
  EXPECT_EQ(name_of(Machine::AArch64), "aarch64");
  EXPECT_EQ(name_of(Machine::I386), "i386");
  EXPECT_EQ(name_of(Machine::Arm), "arm");
  EXPECT_EQ(name_of(static_cast<Machine>(243)), "machine 243");
}

}  // namespace
}  // namespace nvhook::elf
