// SPDX-License-Identifier: Apache-2.0
// What the survey tells of a file that is to be exchanged.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "nvhook/container/survey.hpp"
#include "support/fake_root.hpp"

namespace nvhook::container {
namespace {

using ::testing::HasSubstr;

const Place kCache{{"/etc"}, "ld.so.cache"};
constexpr auto kPath = "/etc/ld.so.cache";
constexpr std::size_t kMost = 10;

class SurveyOfAFile : public ::testing::Test {
 protected:
  FileFacts look(const Place& place = kCache) {
    const auto rootfs = open_rootfs_on_host(root_.on_disk().string());
    EXPECT_TRUE(rootfs) << rootfs.error().text();
    if (!rootfs) return {};
    auto facts = survey_file(*rootfs, place, {}, kMost);
    EXPECT_TRUE(facts) << facts.error().text();
    return facts ? *std::move(facts) : FileFacts();
  }

  test::FakeRoot root_;
};

TEST_F(SurveyOfAFile, ReadsAPlainFile) {
  root_.file(kPath, std::string("theirs\0\n", 8));
  std::filesystem::permissions(root_.on_disk(kPath), std::filesystem::perms{0640});

  const auto facts = look();

  EXPECT_EQ(facts.trouble, "");
  EXPECT_EQ(facts.directory, (DirectoryFacts{.resolved = {"/etc"}, .exists = true}));
  EXPECT_EQ(facts.found.standing, Standing::File);
  EXPECT_EQ(facts.content, (Content{.bytes = std::string("theirs\0\n", 8),
                                    .mode = 0640,
                                    .owner = ::geteuid(),
                                    .group = ::getegid()}));
}

TEST_F(SurveyOfAFile, ReadsWhatALinkInsideOfTheRootLeadsTo) {
  root_.file("/var/cache", "theirs").symlink(kPath, "../var/cache");

  const auto facts = look();

  EXPECT_EQ(facts.found.standing, Standing::Link);
  EXPECT_EQ(facts.found.link_text, "../var/cache");
  EXPECT_FALSE(facts.found.link_dangles);
  ASSERT_TRUE(facts.content);
  EXPECT_EQ(facts.content->bytes, "theirs");
}

TEST_F(SurveyOfAFile, StaysInsideOfTheRootWhereverALinkLeads) {
  test::FakeRoot outside;
  outside.file("/secret", "the host's");
  const auto secret = outside.on_disk("/secret").string();
  for (const auto& text : {secret, "../../../../../.." + secret}) {
    std::filesystem::remove(root_.on_disk(kPath));
    root_.symlink(kPath, text);

    const auto facts = look();

    EXPECT_EQ(facts.content, std::nullopt) << text;
    EXPECT_TRUE(facts.found.link_dangles);
    EXPECT_EQ(facts.trouble, "");
  }

  root_.file(secret, "inside");
  EXPECT_EQ(look().content.value_or(Content()).bytes, "inside");
}

TEST_F(SurveyOfAFile, HasNoContentOfALinkThatLeadsToNoFile) {
  root_.directory("/directory");
  for (const auto* text : {"nothing", "../directory", "ld.so.cache", "nothing/deep"}) {
    std::filesystem::remove(root_.on_disk(kPath));
    root_.symlink(kPath, text);

    const auto facts = look();

    EXPECT_EQ(facts.found.standing, Standing::Link) << text;
    EXPECT_EQ(facts.content, std::nullopt) << text;
    EXPECT_EQ(facts.trouble, "") << text;
  }
}

TEST_F(SurveyOfAFile, OpensNothingButPlainFiles) {
  root_.directory("/etc/directory");
  ASSERT_EQ(::mkfifo(root_.on_disk("/etc/fifo").c_str(), 0600), 0);
  root_.symlink("/etc/to-fifo", "fifo");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  root_.on_disk("/etc/socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const struct {
    const char* name;
    Standing standing;
  } cases[] = {
      {"directory", Standing::Directory}, {"fifo", Standing::Other},
      {"to-fifo", Standing::Link},        {"socket", Standing::Other},
      {"nothing", Standing::Nothing},
  };
  for (const auto& [name, standing] : cases) {
    const auto facts = look({{"/etc"}, name});
    EXPECT_EQ(facts.found.standing, standing) << name;
    EXPECT_EQ(facts.content, std::nullopt) << name;
    EXPECT_EQ(facts.trouble, "") << name;
  }
}

TEST_F(SurveyOfAFile, ReadsNoMoreThanIsDue) {
  root_.file(kPath, std::string(kMost, 'x'));
  EXPECT_EQ(look().content.value_or(Content()).bytes, std::string(kMost, 'x'));

  root_.file(kPath, std::string(kMost + 1, 'x'));
  EXPECT_EQ(look().found.standing, Standing::File);
  EXPECT_EQ(look().content, std::nullopt);

  constexpr off_t kHuge = off_t{8} << 30;
  ASSERT_EQ(::truncate(root_.on_disk(kPath).c_str(), kHuge), 0);
  EXPECT_EQ(look().found.standing, Standing::File);
  EXPECT_EQ(look().content, std::nullopt);
}

TEST_F(SurveyOfAFile, TellsThatItsDirectoryIsMissing) {
  const auto facts = look();

  EXPECT_EQ(facts, (FileFacts{.trouble = {},
                              .directory = {.resolved = {"/etc"}, .exists = false, .missing = 1},
                              .found = {},
                              .content = {}}));
}

TEST_F(SurveyOfAFile, TellsWhyItsDirectoryIsNone) {
  root_.file("/file").symlink("/loop", "loop").symlink("/gone", "nothing");
  root_.symlink("/to-file", "file");
  for (const auto* directory : {"/file", "/file/deep", "/loop", "/gone", "/to-file"}) {
    const auto facts = look({{directory}, "x"});
    EXPECT_THAT(facts.trouble, HasSubstr("container directory \"" + std::string(directory) + "\""));
    EXPECT_EQ(facts.content, std::nullopt);
  }
}

TEST_F(SurveyOfAFile, FollowsLinksToItsDirectoryAsTheContainerDoes) {
  root_.file("/opt/etc/ld.so.cache", "theirs").symlink("/etc", "/opt/etc");

  const auto facts = look();

  EXPECT_EQ(facts.directory.resolved.value, "/opt/etc");
  EXPECT_EQ(facts.found.standing, Standing::File);
  EXPECT_EQ(facts.content.value_or(Content()).bytes, "theirs");
}

TEST_F(SurveyOfAFile, CountsTheDirectoriesThatAreMissing) {
  root_.directory("/usr").symlink("/opt", "usr");
  const struct {
    const char* directory;
    const char* resolved;
    std::size_t missing;
  } cases[] = {
      {"/usr", "/usr", 0},         {"/", "/", 0},           {"/usr/a", "/usr/a", 1},
      {"/opt/a/b", "/usr/a/b", 2}, {"/x/y/z", "/x/y/z", 3},
  };
  for (const auto& test : cases) {
    const auto facts = look({{test.directory}, "x"}).directory;
    EXPECT_EQ(facts.missing, test.missing) << test.directory;
    EXPECT_EQ(facts.exists, test.missing == 0) << test.directory;
    EXPECT_EQ(facts.resolved.value, test.resolved);
  }
}

TEST_F(SurveyOfAFile, SaysThatTheMountsHaveChanged) {
  root_.directory("/etc");
  const auto rootfs = open_rootfs_on_host(root_.on_disk().string());
  ASSERT_TRUE(rootfs) << rootfs.error().text();
  MountEntry other;
  other.id = rootfs->mount_id + 1;

  const auto facts = survey_file(*rootfs, kCache, {other}, kMost);

  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().id(), ErrorId::Race);
}

}  // namespace
}  // namespace nvhook::container
