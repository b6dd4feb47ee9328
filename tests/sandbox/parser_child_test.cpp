// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/parser_child.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace nvhook::sandbox {
namespace {

ParserChild start(const Handler& handler) {
  auto child = ParserChild::start(handler);
  EXPECT_TRUE(child) << child.error().text();
  return std::move(*child);
}

Result<std::string> parse(ParserChild& child, std::uint8_t kind, std::string_view document) {
  child.ask({kind, document});
  return child.answer();
}

Result<std::string> echo(std::uint8_t kind, std::string_view document) {
  return std::to_string(kind) + ":" + std::string(document);
}

TEST(ParserChild, AnswersInOrder) {
  auto child = start(echo);
  child.ask({1, "first"});
  child.ask({2, "second"});

  EXPECT_EQ(child.answer(), "1:first");
  EXPECT_EQ(child.answer(), "2:second");
}

TEST(ParserChild, HasTheDocumentsThatItIsStartedWith) {
  std::string text = "first";
  auto child = ParserChild::start(echo, std::array{Document{1, text}, Document{2, "second"}});
  ASSERT_TRUE(child) << child.error().text();
  text = "other";  // let go and used again
  child->ask({3, "third"});

  EXPECT_EQ(child->answer(), "1:first");
  EXPECT_EQ(child->answer(), "2:second");
  EXPECT_EQ(child->answer(), "3:third");
}

// Nobody reads while the child writes the first record, and nobody has to.
TEST(ParserChild, HasRoomForManyLargeRecordsOfThose) {
  const std::string large(ParserChild::kMaxRecord - 2, 'x');
  auto child = ParserChild::start(echo, std::array{Document{1, large}, Document{2, large}});
  ASSERT_TRUE(child) << child.error().text();

  EXPECT_EQ(child->answer(), "1:" + large);
  EXPECT_EQ(child->answer(), "2:" + large);
}

TEST(ParserChild, TakesOneDocumentAfterAnother) {
  auto child = start(echo);

  EXPECT_EQ(parse(child, 1, "one"), "1:one");
  EXPECT_EQ(parse(child, 2, ""), "2:");
}

TEST(ParserChild, CarriesDocumentsOfSeveralMebibytes) {
  auto child = start([](std::uint8_t, std::string_view document) -> Result<std::string> {
    return std::to_string(document.size()) + std::string(document.substr(document.size() - 1));
  });
  const std::string document(ParserChild::kMaxDocument - 1, 'x');

  EXPECT_EQ(parse(child, 1, document + "y"), std::to_string(document.size() + 1) + "y");
  EXPECT_EQ(parse(child, 1, document + "yz").error().id(), ErrorId::StateLimit);
}

TEST(ParserChild, BringsBackTheHandlersError) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    return failure(ErrorId::StateField,
                   "state: \x1b[2J"
                   "bundle is missing");
  });

  const auto record = parse(child, 1, "{}");

  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().id(), ErrorId::StateField);
  EXPECT_EQ(record.error().message(), "state: ?[2Jbundle is missing");
}

TEST(ParserChild, IsDoneWithWhenItDies) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    ::raise(SIGKILL);
    return std::string();
  });

  EXPECT_EQ(parse(child, 1, "x").error().id(), ErrorId::StateLimit);
}

TEST(ParserChild, IsDoneWithWhenItNeverAnswers) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    for (;;) ::pause();
  });

  EXPECT_EQ(parse(child, 1, "x").error().id(), ErrorId::StateLimit);
}

TEST(ParserChild, IsDoneWithWhenARecordIsTooLarge) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    return std::string(ParserChild::kMaxRecord + 1, 'x');
  });

  EXPECT_EQ(parse(child, 1, "x").error().id(), ErrorId::StateLimit);
}

// "0 2" and nothing else: the socket and standard error.
std::string open_descriptors() {
  std::string open;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) open += std::to_string(fd) + " ";
  return open;
}

TEST(ParserChild, HoldsNoDescriptorOfOurs) {
  const UniqueFd ours(::open("/etc", O_PATH | O_DIRECTORY));
  auto child = start(
      [](std::uint8_t, std::string_view) -> Result<std::string> { return open_descriptors(); });

  EXPECT_EQ(parse(child, 1, ""), "0 2 ");
}

TEST(ParserChild, IsReapedWithItsObject) {
  {
    const auto child = start(echo);
  }

  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ParserChild, AnswersNothingAfterItWasDismissed) {
  auto child = start(echo);
  child.dismiss();

  EXPECT_FALSE(parse(child, 1, "x"));
}

}  // namespace
}  // namespace nvhook::sandbox
