// SPDX-License-Identifier: Apache-2.0
#include "nvhook/config/load.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fake_root.hpp"

namespace nvhook::config {
namespace {

using ::testing::HasSubstr;

class Load : public ::testing::Test {
 protected:
  // The file below the fake root, under its real name.
  std::string named(std::string_view path) { return root_.on_disk(path).string(); }

  void refuses(std::string_view path, std::string_view why) {
    const auto parsed = load(named(path));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().id(), ErrorId::Config);
    EXPECT_THAT(parsed.error().text(), HasSubstr(named(path)));
    EXPECT_THAT(parsed.error().text(), HasSubstr(why));
  }

  test::FakeRoot root_;
};

TEST_F(Load, ReadsAFile) {
  root_.file("/c.toml", "[roots]\ndriver = \"/d\"\n").symlink("/link", "c.toml");

  const auto parsed = load(named("/link"));

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->settings.roots.driver, "/d");
}

TEST_F(Load, NamesTheFileInItsMessages) {
  root_.file("/c.toml", "\n[roots]\ndriver = 1\n");

  refuses("/c.toml", "c.toml:3: roots.driver is an integer");
}

TEST_F(Load, RefusesANamedFileThatIsNotThere) { refuses("/c.toml", "No such file or directory"); }

TEST_F(Load, RefusesAFileThatOthersMayWrite) {
  root_.file("/c.toml");
  for (const mode_t mode : {0664, 0646, 0622}) {
    ASSERT_EQ(::chmod(named("/c.toml").c_str(), mode), 0);
    refuses("/c.toml", "may be written by others");
  }
}

TEST_F(Load, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  root_.file("/c.toml");
  ASSERT_EQ(::chown(named("/c.toml").c_str(), 12345, 12345), 0);

  refuses("/c.toml", "belongs to user 12345");
}

TEST_F(Load, RefusesWhatIsNoFileWithoutWaiting) {
  root_.directory("/d");
  ASSERT_EQ(::mkfifo(named("/fifo").c_str(), 0600), 0);

  refuses("/d", "is not a regular file");
  refuses("/fifo", "is not a regular file");
  EXPECT_FALSE(load("/dev/zero"));
}

TEST_F(Load, RefusesAFileBeyondOneMebibyte) {
  root_.file("/c.toml", std::string(kMaxConfigFile, '\n'));
  EXPECT_TRUE(load(named("/c.toml")));

  root_.file("/c.toml", std::string(kMaxConfigFile + 1, '\n'));
  refuses("/c.toml", "File too large");
}

TEST_F(Load, TakesTheDefaultsWithoutAnyFile) {
  const auto parsed = load({}, {named("/ours"), named("/nvidias")});

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->settings, defaults());
  EXPECT_EQ(parsed->file, "");
}

TEST_F(Load, TakesNvidiasFileWhereThereIsNoneOfOurs) {
  root_.file("/nvidias", "disable-require = true\n");

  const auto parsed = load({}, {named("/ours"), named("/nvidias")});

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_TRUE(parsed->settings.requests.disable_require);
  EXPECT_EQ(parsed->file, named("/nvidias"));
}

TEST_F(Load, DoesNotLookAtNvidiasFileBesideOurs) {
  root_.file("/ours", "[log]\nfile = '/l'\n").file("/nvidias", "this is no TOML");

  const auto parsed = load({}, {named("/ours"), named("/nvidias")});

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->settings.log.file, "/l");
  EXPECT_EQ(parsed->file, named("/ours"));
}

TEST_F(Load, DoesNotGuessWhoseANamedFileIs) {
  root_.file("/named", "disable-require = true\n").file("/nvidias", "disable-require = true\n");

  const auto parsed = load(named("/named"), {named("/ours"), named("/nvidias")});
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->settings, defaults());
  ASSERT_EQ(parsed->warnings.size(), 1U);
  EXPECT_THAT(parsed->warnings.front().text, HasSubstr("unknown key \"disable-require\""));

  EXPECT_FALSE(load(named("/nowhere"), {named("/ours"), named("/nvidias")}));
}

TEST_F(Load, TrustsNvidiasFileNoMoreThanOurs) {
  root_.file("/nvidias");
  ASSERT_EQ(::chmod(named("/nvidias").c_str(), 0666), 0);
  const auto writable = load({}, {named("/ours"), named("/nvidias")});
  ASSERT_FALSE(writable);
  EXPECT_THAT(writable.error().text(), HasSubstr("/nvidias: may be written by others"));

  root_.file("/ours", "x");
  EXPECT_FALSE(load({}, {named("/ours"), named("/nvidias")}));
}

TEST_F(Load, QuotesANameThatWouldSpoilTheMessage) {
  const auto parsed = load("/nowhere/\x1b[31m");

  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().text(), HasSubstr(R"("/nowhere/\x1b[31m")"));
}

}  // namespace
}  // namespace nvhook::config
