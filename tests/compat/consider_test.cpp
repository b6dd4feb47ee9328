// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/consider.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>

#include "compat/cuda_note.hpp"
#include "nvhook/compat/exchange.hpp"
#include "nvhook/sandbox/parser_child.hpp"
#include "support/fake_root.hpp"

namespace nvhook::compat {
namespace {

using config::CudaCompat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLibcuda = "/usr/local/cuda/compat/libcuda.so.575.57.08";

class Considered : public ::testing::Test {
 protected:
  void image_with(std::string_view libcuda) {
    root_.file(kLibcuda, libcuda)
        .symlink("/usr/local/cuda/compat/libcuda.so.1", "libcuda.so.575.57.08");
  }
  Outcome outcome(std::string_view host_version, CudaCompat mode = CudaCompat::Auto) {
    auto outcome = consider(mode, {root_.fd()}, host_version, [this](std::string_view question) {
      ++asked_;
      return answer(question);
    });
    EXPECT_TRUE(outcome) << outcome.error().text();
    return outcome ? *std::move(outcome) : Outcome{};
  }
  Result<Finding> examined(const Ask& ask) {
    const UniqueFd fd(::open(root_.on_disk(kLibcuda).c_str(), O_RDONLY | O_CLOEXEC));
    return examine_file(fd.get(), ask);
  }

  test::FakeRoot root_;
  std::size_t asked_ = 0;
};

TEST_F(Considered, AreTheLibrariesOfAnImageThatSupportsTheHost) {
  image_with(test::libcuda_with({}));

  const auto what = outcome("550.54.14");

  ASSERT_TRUE(what.first) << what.reason;
  EXPECT_EQ(what.first->directory.value, "/usr/local/cuda/compat");
  EXPECT_THAT(what.first->names, ElementsAre("libcuda.so.1", "libcuda.so.575.57.08"));
  ASSERT_TRUE(what.support);
  EXPECT_THAT(what.support->devices, ElementsAre(1, 2, 7, 8, 9, 10, 11, 12, 13, 14));
  EXPECT_THAT(what.warnings, IsEmpty());
  EXPECT_EQ(asked_, 1U);
}

TEST_F(Considered, IsNothingInAnImageThatHasNothing) { EXPECT_EQ(outcome("550.54.14"), Outcome{}); }

TEST_F(Considered, IsNothingWhereItIsSwitchedOff) {
  image_with(test::libcuda_with({}));

  const auto what = outcome("550.54.14", CudaCompat::Off);

  EXPECT_FALSE(what.first);
  EXPECT_THAT(what.reason, HasSubstr("cuda_compat"));
  EXPECT_EQ(asked_, 0U);
}

TEST_F(Considered, AreNoFilesThatAreNotNewer) {
  image_with(test::libcuda_with({}));

  const auto what = outcome("580.65.06");

  EXPECT_FALSE(what.first);
  EXPECT_THAT(what.reason, HasSubstr("not newer"));
  EXPECT_EQ(asked_, 0U);
}

TEST_F(Considered, IsALibcudaThatSaysNothing) {
  image_with(test::mute_library());

  EXPECT_TRUE(outcome("550.54.14").first);
  EXPECT_FALSE(outcome("575.51.03").first);
}

TEST_F(Considered, AreDamagedNotesWithAWarning) {
  image_with(test::libcuda_with({.text = "{"}));

  const auto what = outcome("550.54.14");

  EXPECT_FALSE(what.first);
  ASSERT_EQ(what.warnings.size(), 1U);
  EXPECT_THAT(what.warnings[0].text, HasSubstr("575.57.08"));
}

TEST_F(Considered, IsAFileThatIsLargerThanMemory) {
  auto libcuda = test::libcuda_with({});
  const auto table_at = std::uint64_t{1} << 40U;
  std::uint64_t table = 0;
  std::memcpy(&table, libcuda.data() + 40, sizeof table);
  const auto sections = libcuda.substr(static_cast<std::size_t>(table));
  std::memcpy(libcuda.data() + 40, &table_at, sizeof table_at);
  image_with(libcuda);
  const UniqueFd fd(::open(root_.on_disk(kLibcuda).c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::pwrite(fd.get(), sections.data(), sections.size(), off_t{1} << 40U),
            static_cast<ssize_t>(sections.size()));

  EXPECT_TRUE(outcome("550.54.14").first);
  EXPECT_EQ(asked_, 2U);
}

TEST_F(Considered, IsAnAnswerOfTheParserChild) {
  image_with(test::libcuda_with({}));
  auto child = sandbox::ParserChild::start(
      [](std::uint8_t, std::string_view question) { return answer(question); });
  ASSERT_TRUE(child) << child.error().text();

  const auto finding = examined([&child](std::string_view question) {
    child->ask({.kind = 1, .text = question});
    return child->answer();
  });

  ASSERT_TRUE(finding) << finding.error().text();
  EXPECT_TRUE(std::get<Examined>(*finding).support);
}

TEST_F(Considered, AreSoManyPiecesAndNoMore) {
  image_with(std::string(100'000, 'x'));

  const auto finding = examined([this](std::string_view) {
    ++asked_;
    return encode(Finding(Need{.offset = 0, .size = 1}));
  });
  EXPECT_THAT(std::get<Damaged>(*finding).why, HasSubstr("too much"));
  EXPECT_EQ(asked_, kMaxPieces);

  asked_ = 0;
  const auto other = examined([this](std::string_view) {
    ++asked_;
    return encode(Finding(Need{.offset = 0, .size = kMaxPiece}));
  });
  EXPECT_THAT(std::get<Damaged>(*other).why, HasSubstr("too much"));
  EXPECT_EQ(asked_, kMaxExcerpt / kMaxPiece);
}

TEST_F(Considered, IsAFileThatBecomesShorter) {
  image_with(std::string(100'000, 'x'));

  const auto finding = examined([this](std::string_view) {
    std::filesystem::resize_file(root_.on_disk(kLibcuda), 10);
    return encode(Finding(Need{.offset = 50'000, .size = 10}));
  });

  EXPECT_THAT(std::get<Damaged>(*finding).why, HasSubstr("shorter"));
}

TEST_F(Considered, IsNotAChildThatTalksNonsense) {
  image_with(std::string(100, 'x'));

  EXPECT_EQ(examined([](std::string_view) { return std::string("nonsense"); }).error().id(),
            ErrorId::Bug);
  EXPECT_EQ(examined([](std::string_view) -> Result<std::string> {
              return failure(ErrorId::StateLimit, "dead");
            })
                .error()
                .id(),
            ErrorId::StateLimit);
}

}  // namespace
}  // namespace nvhook::compat
