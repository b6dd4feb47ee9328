// SPDX-License-Identifier: Apache-2.0
#include "volumes/manifest.hpp"

#include <gtest/gtest.h>

#include "volumes/layout.hpp"
#include "volumes/uses.hpp"

namespace nvhook::volumes {
namespace {

Manifest sample() {
  Manifest manifest{.version = "361.48", .files = {}};
  manifest.files.push_back(
      {.file = {HostPath{"/usr/lib/libcuda.so.361.48"},
                Folder::Lib64,
                "libcuda.so.361.48",
                {"libcuda.so.1", "libcuda.so"}},
       .origin =
           {.inode = 7, .size = 1000, .seconds = -5, .nanoseconds = 999'999'999, .mode = 0755},
       .way = Way::Linked});
  manifest.files.push_back(
      {.file = {HostPath{"/usr/bin/nvidia-smi"}, Folder::Bin, "nvidia-smi", {}},
       .origin = {.inode = 18'446'744'073'709'551'615U},
       .way = Way::Copied});
  return manifest;
}

TEST(VolumeManifest, IsReadAsItWasWritten) {
  const auto text = to_text(sample());

  ASSERT_TRUE(text) << text.error().text();
  const auto back = parse_manifest(*text);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_TRUE(*back == sample());
}

TEST(VolumeManifest, IsNotWrittenForNamesThatItCannotHold) {
  for (const auto* name : {"", ".", "..", "a/b", "a\tb", "a\nb", "a\x7f"}) {
    auto manifest = sample();
    manifest.files.back().file.name = name;
    EXPECT_FALSE(to_text(manifest)) << name;
    manifest = sample();
    manifest.files.front().file.links.front() = name;
    EXPECT_FALSE(to_text(manifest)) << name;
  }
  auto manifest = sample();
  manifest.files.back().file.source = HostPath{"/usr/li\nb"};
  EXPECT_FALSE(to_text(manifest));
}

// A list that is cut short, or that somebody has written to, names nothing.
TEST(VolumeManifest, IsRefusedWhereItMakesNoSense) {
  const auto whole = to_text(sample()).value();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_manifest(std::string_view(whole).substr(0, size))) << size;
  EXPECT_FALSE(parse_manifest(whole + "x"));
  const auto with = [](const std::string& line) {
    return "nvhook.volume/1\t1\n" + line + "\nend\n";
  };
  ASSERT_TRUE(parse_manifest(with("linked\tbin\tx\t1\t2\t3\t4\t5\t/x")));
  for (const auto* line :
       {"linked\tbin\t../x\t1\t2\t3\t4\t5\t/x", "linked\tetc\tx\t1\t2\t3\t4\t5\t/x",
        "moved\tbin\tx\t1\t2\t3\t4\t5\t/x", "linked\tbin\tx\t1\t2\t3\t4\t5\tx",
        "linked\tbin\tx\t-1\t2\t3\t4\t5\t/x", "linked\tbin\tx\t1\t2\t3\t4\t5\t/x\t6",
        "linked\tbin\tx\t1\t2\t3\t4\t/x", "link\tbin\ty\tx", "", "linked"})
    EXPECT_FALSE(parse_manifest(with(line))) << line;
  EXPECT_FALSE(parse_manifest("nvhook.volume/2\t1\nend\n"));
  EXPECT_FALSE(parse_manifest(std::string(kMaxManifestBytes + 1, 'x')));
}

TEST(OwnNames, AreReadAsTheyWereWritten) {
  const auto version = Version::parse("361.48").value();
  for (const auto stage : {Stage::List, Stage::New, Stage::Old, Stage::Left}) {
    const OwnName name{
        .stage = stage, .version = version, .inode = stage == Stage::New ? 0U : 4711U};
    const auto back = parse_own_name(to_text(name));
    ASSERT_TRUE(back) << to_text(name);
    EXPECT_EQ(back->stage, stage);
    EXPECT_EQ(back->version, version);
    EXPECT_EQ(back->inode, name.inode);
  }
  for (const auto* text : {"", "lock", "uses", "new-", "new-..", "old-361.48", "old-361.48-",
                           "old-361.48-x", "old-361.48-1x", "old-..-1", "files-1-1-1", "x-1-1"})
    EXPECT_FALSE(parse_own_name(text)) << text;
}

TEST(Uses, AreThoseOfThisBoot) {
  Uses uses;
  uses.mounts = {{"361.48", "aa"}, {"361.48", "bb"}, {"352.39", "cc"}};
  const auto text = to_text(uses, "this-boot");

  EXPECT_EQ(parse_uses(text, "this-boot").mounts, uses.mounts);
  EXPECT_EQ(parse_uses(text, "this-boot").count("361.48"), 2U);
  EXPECT_EQ(parse_uses(text, "another").count("361.48"), 0U);
  EXPECT_TRUE(parse_uses("", "").mounts.empty());
}

TEST(Uses, PassOverLinesThatMakeNoSense) {
  const auto uses = parse_uses("boot b\n361.48 aa\nx\n.. bb\n361.48 a b\n361.48 \n352.39 cc", "b");

  EXPECT_EQ(uses.mounts.size(), 2U);
  EXPECT_EQ(uses.count("352.39"), 1U);
}

TEST(Uses, CallAMountByAWord) {
  const std::string dockers(64, 'a');
  EXPECT_EQ(word_for(dockers), dockers);
  EXPECT_EQ(word_for(""), "-");
  for (const auto& id : {std::string("a b"), std::string("a\nb"), std::string(129, 'a')}) {
    EXPECT_EQ(word_for(id), word_for(id));
    EXPECT_EQ(parse_uses("boot b\n1 " + word_for(id), "b").count("1"), 1U) << word_for(id);
  }
  EXPECT_NE(word_for("a b"), word_for("a c"));
}

}  // namespace
}  // namespace nvhook::volumes
