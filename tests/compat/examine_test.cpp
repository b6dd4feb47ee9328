// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/examine.hpp"

#include <gmock/gmock.h>

#include <cstring>

#include "compat/cuda_note.hpp"
#include "support/elf_image.hpp"

namespace nvhook::compat {
namespace {

using test::CudaNote;
using test::ElfImage;
using test::libcuda_with;
using ::testing::HasSubstr;

const Support k575{.format = 1,
                   .cuda_version = "12.9",
                   .drivers = {535, 550, 560, 565, 570, 575},
                   .devices = {1, 2, 7, 8, 9, 10, 11, 12, 13, 14}};

Finding of_whole(std::string_view file) {
  return examine({.file_size = file.size(), .pieces = {{0, file}}});
}

// What the note says, or an empty one.
Support support_in(std::string_view file) {
  const auto finding = of_whole(file);
  const auto* examined = std::get_if<Examined>(&finding);
  return examined != nullptr && examined->support ? *examined->support : Support{};
}

std::string damage_of(std::string_view file) {
  const auto finding = of_whole(file);
  const auto* damaged = std::get_if<Damaged>(&finding);
  return damaged != nullptr ? damaged->why : "sound";
}

std::string damage_of_text(std::string_view text) {
  return damage_of(libcuda_with({.text = std::string(text)}));
}

// Gives what is asked for, piece by piece; the number of pieces.
std::size_t rounds(const std::string& file, Finding& finding) {
  Excerpt excerpt{.file_size = file.size(), .pieces = {}};
  for (;;) {
    finding = examine(excerpt);
    const auto* need = std::get_if<Need>(&finding);
    if (need == nullptr || excerpt.pieces.size() == 100) return excerpt.pieces.size();
    EXPECT_GT(need->size, 0U);
    EXPECT_LE(need->size, kMaxPiece);
    EXPECT_LE(need->offset + need->size, file.size());
    excerpt.pieces.push_back(
        {need->offset, std::string_view(file).substr(need->offset, need->size)});
  }
}

TEST(Examination, FindsTheNoteInItsSection) { EXPECT_EQ(support_in(libcuda_with({})), k575); }

TEST(Examination, FindsTheNoteOfASegmentWhereThereAreNoSections) {
  const auto file =
      ElfImage{.soname = "libcuda.so.1",
               .needed = {},
               .notes = {{3, "GNU", "id"},
                         {0, "NVIDIA Corporation", "another of theirs"},
                         {0, "NVIDIA Corporation", std::string(test::kSupport575) + '\0'}}}
          .bytes();

  EXPECT_EQ(support_in(file), k575);
}

TEST(Examination, FindsNoteOfLibrariesOf32Bits) {
  const auto file =
      ElfImage{.bits = 32,
               .machine = 3,
               .soname = "",
               .needed = {},
               .notes = {},
               .note_sections = {{".note.cuda.fwd_compatibility", CudaNote{}.bytes()}}}
          .bytes();

  EXPECT_EQ(support_in(file), k575);
}

TEST(Examination, FindsNothingInALibraryThatSaysNothing) {
  EXPECT_EQ(of_whole(test::mute_library()), Finding(Examined{}));
}

TEST(Examination, TakesANoteOfAnyPadding) {
  for (const std::size_t align : {1, 2, 4, 8, 16, 64})
    EXPECT_EQ(support_in(libcuda_with({.align = align})), k575) << align;
  for (const std::size_t behind : {0, 1, 9})
    EXPECT_EQ(support_in(libcuda_with(
                  {.text = std::string(test::kSupport575) + std::string(behind, '\0')})),
              k575);
}

// As the Orin's libcuda of CUDA 13.2 has it.
TEST(Examination, TakesATextThatIsSaidToBeLongerThanItsSection) {
  const auto file = libcuda_with(
      {.text = std::string(R"({"format":1,"CUDA version":"13.2"})") + std::string(3, '\0'),
       .missing = 2});

  EXPECT_EQ(support_in(file),
            (Support{.format = 1, .cuda_version = "13.2", .drivers = {}, .devices = {}}));
}

TEST(Examination, TakesKeysOfAnyCaseAndPassesOverOthers) {
  const auto file = libcuda_with(
      {.text = R"({"Format": 2, "x": {"driver": [1], "y": [[{}]]}, "CUDA Version": "13.1",
                   "Driver": [], "z": null, "DEVICE": [4294967295], "w": -1.5e3})"});

  EXPECT_EQ(
      support_in(file),
      (Support{.format = 2, .cuda_version = "13.1", .drivers = {}, .devices = {4294967295U}}));
}

TEST(Examination, RefusesATextThatIsNotAsItShouldBe) {
  EXPECT_THAT(damage_of_text(R"({"format":1,"CUDA version":"13.2",})"), HasSubstr("no JSON at"));
  EXPECT_THAT(damage_of_text(""), HasSubstr("no JSON object"));
  EXPECT_THAT(damage_of_text("[535]"), HasSubstr("no JSON object"));
  EXPECT_THAT(damage_of_text("{} {}"), HasSubstr("no JSON at"));
  EXPECT_THAT(damage_of_text(std::string("{\0}", 3)), HasSubstr("a NUL"));
  EXPECT_THAT(damage_of_text(R"({"driver":535})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":[[535]]})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":["535"]})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":[535.0]})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":[-535]})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":[4294967296]})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":null})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":{"a":1}})"), HasSubstr("\"driver\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"format":"1"})"), HasSubstr("\"format\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"format":[1]})"), HasSubstr("\"format\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"CUDA version":12.9})"), HasSubstr("\"cuda version\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"CUDA version":"12\u001b9"})"), HasSubstr("version\" is not as"));
  EXPECT_THAT(damage_of_text(R"({"driver":[535],"Driver":[550]})"), HasSubstr("occurs twice"));
}

TEST(Examination, RefusesATextWithoutMeasure) {
  std::string numbers;
  for (int i = 0; i < 257; ++i) numbers += (i == 0 ? "" : ",") + std::to_string(i);

  EXPECT_THAT(damage_of_text(R"({"device":[)" + numbers + "]}"), HasSubstr("too many numbers"));
  EXPECT_THAT(damage_of_text(R"({"x":)" + std::string(8, '[') + std::string(8, ']') + "}"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(damage_of_text("{" + std::string(kMaxNoteText, ' ') + "}"), HasSubstr("too long"));
  EXPECT_THAT(damage_of_text(R"({"CUDA version":")" + std::string(33, '1') + "\"}"),
              HasSubstr("version\" is not as"));
}

TEST(Examination, RefusesANoteThatIsNoneOfTheirs) {
  EXPECT_THAT(damage_of(libcuda_with({.owner = "NVIDIA"})), HasSubstr("another owner"));
  const auto of_section = [](std::string bytes) {
    return damage_of(ElfImage{.soname = "",
                              .needed = {},
                              .notes = {},
                              .note_sections = {{".note.cuda.fwd_compatibility", std::move(bytes)}}}
                         .bytes());
  };
  const auto good = CudaNote{}.bytes();

  EXPECT_THAT(of_section(good.substr(0, 11)), HasSubstr("shorter than its header"));
  EXPECT_THAT(of_section(good.substr(0, 30)), HasSubstr("shorter than its name"));
  EXPECT_THAT(of_section(std::string(12, '\xff')), HasSubstr("shorter than its name"));
  EXPECT_THAT(of_section(good.substr(0, 32)), HasSubstr("no JSON object"));
}

TEST(Examination, SaysWhyAFileIsNoLibrary) {
  EXPECT_THAT(damage_of(""), HasSubstr("shorter than its header"));
  EXPECT_THAT(damage_of("no ELF file, and longer than a header of one would be"),
              HasSubstr("bad magic"));
}

TEST(Examination, AsksForFewPiecesOfALargeFile) {
  // Between the segments and the sections lie the code and the data.
  auto file = libcuda_with({});
  const std::size_t far = std::size_t{3} << 20U;
  std::uint64_t table = 0;
  std::memcpy(&table, file.data() + test::kElfSectionTable, sizeof table);
  file.insert(static_cast<std::size_t>(table), far, '\0');
  table += far;
  std::memcpy(file.data() + test::kElfSectionTable, &table, sizeof table);

  Finding finding;
  const auto pieces = rounds(file, finding);

  EXPECT_EQ(finding, of_whole(file));
  EXPECT_EQ(std::get<Examined>(finding).support, k575);
  EXPECT_LE(pieces, 3U);
}

TEST(Examination, ComesToTheSameEndPieceByPiece) {
  const auto good = libcuda_with({});
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto file = good.substr(0, size);
    Finding finding;
    (void)rounds(file, finding);
    EXPECT_EQ(finding, of_whole(file)) << size;
    EXPECT_NE(damage_of(file), "sound") << size;
  }
}

TEST(Examination, IsNotMisledByPiecesThatOverlap) {
  const std::string_view file = "no ELF file, and longer than a header of one would be";

  const auto finding =
      examine({.file_size = file.size(), .pieces = {{5, file.substr(5)}, {0, file.substr(0, 10)}}});

  EXPECT_EQ(finding, Finding(Need{0, static_cast<std::uint32_t>(file.size())}));
}

}  // namespace
}  // namespace nvhook::compat
