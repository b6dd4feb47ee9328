// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/exchange.hpp"

#include <gmock/gmock.h>

#include "compat/cuda_note.hpp"

namespace nvhook::compat {
namespace {

constexpr std::uint64_t kSize = 10'000;

bool accepted(const Finding& finding) { return decode_finding(encode(finding), kSize).has_value(); }

TEST(Exchange, BringsEveryFindingAcross) {
  const Support support{.format = 1, .cuda_version = "12.9", .drivers = {535}, .devices = {1, 2}};
  for (const Finding& finding :
       {Finding(Need{.offset = 4096, .size = 5904}), Finding(Damaged{"its note \"x\""}),
        Finding(Examined{}), Finding(Examined{support}), Finding(Examined{Support{}})}) {
    const auto decoded = decode_finding(encode(finding), kSize);
    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(*decoded, finding);
  }
}

TEST(Exchange, RefusesAFindingThatNoSoundChildSends) {
  EXPECT_FALSE(accepted(Need{.offset = 0, .size = 0}));
  EXPECT_FALSE(accepted(Need{.offset = 0, .size = kSize + 1}));
  EXPECT_FALSE(accepted(Need{.offset = kSize, .size = 1}));
  EXPECT_FALSE(accepted(Need{.offset = ~std::uint64_t{0}, .size = 2}));
  EXPECT_FALSE(decode_finding(encode(Finding(Need{0, kMaxPiece + 1})), ~std::uint64_t{0}));
  EXPECT_FALSE(accepted(Damaged{"two\nlines"}));
  EXPECT_FALSE(accepted(Damaged{"\x1b[2J"}));
  EXPECT_FALSE(accepted(Examined{Support{1, "12.9\n", {}, {}}}));
  EXPECT_FALSE(accepted(Examined{Support{1, std::string(33, '1'), {}, {}}}));
  EXPECT_FALSE(accepted(Examined{Support{1, "", std::vector<std::uint32_t>(257), {}}}));
  const auto unknown = decode_finding("\x04", kSize);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().id(), ErrorId::Bug);
}

TEST(Exchange, RefusesARecordThatIsCutOrTooLong) {
  const auto record = encode(Finding(Examined{Support{1, "12.9", {535, 550}, {1}}}));

  for (std::size_t size = 0; size < record.size(); ++size)
    EXPECT_FALSE(decode_finding(record.substr(0, size), kSize)) << size;
  EXPECT_FALSE(decode_finding(record + '\0', kSize));
}

TEST(Exchange, BringsAQuestionAcross) {
  const auto question =
      encode(Excerpt{.file_size = kSize, .pieces = {{0, "start"}, {kSize - 3, "end"}}});

  const auto file = decode_excerpt(question);

  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->file_size, kSize);
  ASSERT_EQ(file->pieces.size(), 2U);
  EXPECT_EQ(file->pieces[1].offset, kSize - 3);
  EXPECT_EQ(file->pieces[1].bytes, "end");
  for (std::size_t size = 0; size < question.size(); ++size)
    EXPECT_FALSE(decode_excerpt(question.substr(0, size))) << size;
  EXPECT_FALSE(decode_excerpt(encode(Excerpt{.file_size = 4, .pieces = {{0, "start"}}})));
}

TEST(Exchange, AnswersAQuestion) {
  const auto file = test::libcuda_with({});

  const auto record = answer(encode(Excerpt{.file_size = file.size(), .pieces = {{0, file}}}));

  ASSERT_TRUE(record) << record.error().text();
  const auto finding = decode_finding(*record, file.size());
  ASSERT_TRUE(finding) << finding.error().text();
  EXPECT_EQ(std::get<Examined>(*finding).support->cuda_version, "12.9");
  EXPECT_EQ(answer("no question").error().id(), ErrorId::Bug);
}

}  // namespace
}  // namespace nvhook::compat
