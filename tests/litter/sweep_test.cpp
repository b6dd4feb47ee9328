// SPDX-License-Identifier: Apache-2.0
#include "nvhook/litter/sweep.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <string>

#include "litter/remains.hpp"

namespace nvhook::litter {
namespace {

namespace fs = std::filesystem;
using record::ObjectKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kPoint = "/usr/lib/libcuda.so.550";
constexpr auto kLink = "/usr/lib/libcuda.so.1";
constexpr auto kBesideLink = "/usr/lib/.libcuda.so.1.nvhook-4700";
constexpr auto kCache = "/etc/ld.so.cache";
constexpr auto kBesideCache = "/etc/.ld.so.cache.nvhook-4700";

class SweepOf : public ::testing::Test, protected Remains {
 protected:
  // Sets the scene anew each time, and has nothing of it taken but `at` reported.
  static void stays(const std::string& at, const std::function<void(Remains&)>& arrange) {
    Remains remains;
    arrange(remains);
    const auto before = remains.names();
    EXPECT_THAT(remains.swept(), ElementsAre("0 taken", at));
    EXPECT_EQ(remains.names(), before);
  }
};

// Mount points

TEST_F(SweepOf, AMountPointIsTaken) {
  placeholder(kPoint);

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_FALSE(stands(kPoint));
  EXPECT_TRUE(stands("/usr/lib"));
}

TEST_F(SweepOf, AMountPointOfARunThatWasKilledIsTakenByItsLooks) {
  placeholder(kPoint).inode.reset();

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_FALSE(stands(kPoint));
}

TEST_F(SweepOf, AMountPointThatIsSomebodyElsesByNowStays) {
  stays(kPoint, [](Remains& it) { *it.placeholder(kPoint).inode += 1; });
  stays(kPoint, [](Remains& it) {
    it.placeholder(kPoint);
    fs::permissions(it.path(kPoint), fs::perms{0644});
    it.root.file(kPoint, "bytes");
    fs::permissions(it.path(kPoint), fs::perms{0444});
  });
  stays(kPoint, [](Remains& it) {
    it.placeholder(kPoint);
    fs::permissions(it.path(kPoint), fs::perms{0644});
  });
  stays(kPoint, [](Remains& it) {
    it.placeholder(kPoint);
    fs::permissions(it.path(kPoint), fs::perms{04444});
  });
  stays(kPoint, [](Remains& it) {
    it.placeholder(kPoint);
    fs::create_hard_link(it.path(kPoint), it.path("/other"));
  });
}

TEST_F(SweepOf, WhatIsNoMountPointStaysInItsPlace) {
  const auto noted = [](Remains& it) {
    it.root.directory("/usr/lib");
    it.note(ObjectKind::Mount, kPoint);
  };
  stays(kPoint, [&](Remains& it) {
    noted(it);
    it.root.symlink(kPoint, "../nothing");
  });
  stays(kPoint, [&](Remains& it) {
    noted(it);
    it.root.directory(kPoint);
  });
  stays(kPoint, [&](Remains& it) {
    noted(it);
    ::mkfifo(it.path(kPoint).c_str(), 0444);
  });
}

TEST_F(SweepOf, AFileOfTheImagesThatWasMountedOverStays) {
  placeholder(kPoint).creates = false;

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_TRUE(stands(kPoint));
}

TEST_F(SweepOf, WhatIsGoneIsGone) {
  root.directory("/usr");
  note(ObjectKind::Mount, kPoint);
  note(ObjectKind::Directory, "/usr/share");
  note(ObjectKind::Link, "/usr/link").text = "x";
  note(ObjectKind::File, "/usr/file").content = record::Fingerprint{};

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
}

// Directories

TEST_F(SweepOf, DirectoriesAreTakenAfterWhatIsInThem) {
  directory("/opt");
  directory("/opt/deep");
  placeholder("/opt/deep/file");
  link("/opt/deep/link", "file");

  EXPECT_THAT(swept(), ElementsAre("4 taken"));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(SweepOf, ADirectoryWithSomethingInItStaysAndWhatIsAboveIt) {
  directory("/opt");
  directory("/opt/deep");
  placeholder("/opt/deep/file");
  root.file("/opt/deep/theirs");

  EXPECT_THAT(swept(), ElementsAre("1 taken", "/opt/deep", "/opt"));
  EXPECT_TRUE(stands("/opt/deep/theirs"));
  EXPECT_FALSE(stands("/opt/deep/file"));
}

TEST_F(SweepOf, ADirectoryThatIsSomebodyElsesByNowStays) {
  stays("/opt", [](Remains& it) { *it.directory("/opt").inode += 1; });
  stays("/opt", [](Remains& it) {
    it.root.file("/opt");
    it.note(ObjectKind::Directory, "/opt");
  });
  stays("/opt", [](Remains& it) {
    it.root.directory("/usr/empty").symlink("/opt", "usr/empty");
    it.note(ObjectKind::Directory, "/opt");
  });
}

// Links

TEST_F(SweepOf, ALinkIsTaken) {
  link(kLink, "libcuda.so.550");

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_FALSE(stands(kLink));
}

TEST_F(SweepOf, ALinkThatIsSomebodyElsesByNowStays) {
  stays(kLink, [](Remains& it) { *it.link(kLink, "ours").inode += 1; });
  stays(kLink, [](Remains& it) { it.link(kLink, "theirs").text = "ours"; });
  stays(kLink, [](Remains& it) { it.link(kLink, "ours, and more").text = "ours"; });
  stays(kLink, [](Remains& it) {
    it.root.file(kLink, "ours");
    it.note(ObjectKind::Link, kLink).text = "ours";
  });
  stays(kLink, [](Remains& it) {
    it.link(kLink, "theirs", "stale").text = "ours";
    it.record.objects.back().inode.reset();
  });
}

TEST_F(SweepOf, AStaleLinkLeadsAgainToWhatItLedTo) {
  link(kLink, "ours", "stale");

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(fs::read_symlink(path(kLink)), "stale");
  EXPECT_EQ(names().size(), 3U) << "/usr, /usr/lib and the link";
}

// The run was killed between the exchange and its end.
TEST_F(SweepOf, AStaleLinkThatIsKeptIsPutBackItself) {
  link(kLink, "ours", "stale").inode.reset();
  root.symlink(kBesideLink, "stale");
  const auto kept = inode(kBesideLink);

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(fs::read_symlink(path(kLink)), "stale");
  EXPECT_EQ(inode(kLink), kept);
  EXPECT_FALSE(stands(kBesideLink));
}

TEST_F(SweepOf, AStaleLinkThatIsKeptBehindAnotherLeftoverIsPutBackItself) {
  link(kLink, "ours", "stale").inode.reset();
  root.file(kBesideLink, "theirs").symlink(std::string(kBesideLink) + ".1", "stale");

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(fs::read_symlink(path(kLink)), "stale");
  EXPECT_TRUE(stands(kBesideLink));
  EXPECT_FALSE(stands(std::string(kBesideLink) + ".1"));
}

// The run was killed before the exchange.
TEST_F(SweepOf, AStaleLinkThatWasNeverExchangedStays) {
  root.symlink(kLink, "stale").symlink(kBesideLink, "ours");
  auto& object = note(ObjectKind::Link, kLink);
  object.text = "ours";
  object.replaces = "stale";
  const auto before = inode(kLink);

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_EQ(inode(kLink), before);
  EXPECT_FALSE(stands(kBesideLink));
}

TEST_F(SweepOf, LeftoversThatAreNotOursStay) {
  link(kLink, "ours", "stale");
  const std::string other = "/usr/lib/.libcuda.so.1.nvhook-4701";
  root.symlink(kBesideLink, "theirs").symlink(other, "ours");
  root.symlink("/usr/lib/.libcuda.so.1.nvhook-4700.2", "ours");  // behind a gap

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(fs::read_symlink(path(kBesideLink)), "theirs");
  EXPECT_TRUE(stands(other));
  EXPECT_TRUE(stands("/usr/lib/.libcuda.so.1.nvhook-4700.2"));
}

// Files

TEST_F(SweepOf, AFileIsTaken) {
  file(kCache, "ours");

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_FALSE(stands(kCache));
}

TEST_F(SweepOf, AnEmptyFileIsTaken) {
  file(kCache, "");

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
}

TEST_F(SweepOf, AFileThatTookThePlaceOfAnotherIsExchangedForThat) {
  file(kCache, "ours").former = plain_file(0640);
  former = "theirs";

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(content(kCache), "theirs");
  EXPECT_EQ(status(kCache).st_mode, S_IFREG | 0640U);
  EXPECT_EQ(names().size(), 2U) << "/etc and the file";
}

TEST_F(SweepOf, AFileThatTookThePlaceOfALargeOneIsExchangedForThat) {
  file(kCache, "ours").former = plain_file(0444);
  former = std::string(std::size_t{3} << 20U, 'x');

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(content(kCache), *former);
  EXPECT_EQ(status(kCache).st_mode, S_IFREG | 0444U);
}

TEST_F(SweepOf, AFileThatTookThePlaceOfALinkIsExchangedForThat) {
  file(kCache, "ours").former = link_to("../var/cache");

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_EQ(fs::read_symlink(path(kCache)), "../var/cache");
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(SweepOf, AFileWhoseFormerIsLostStays) {
  stays(kCache, [](Remains& it) { it.file(kCache, "ours").former = plain_file(0644); });
}

TEST_F(SweepOf, AFileThatTheContainerChangedStays) {
  stays(kCache, [](Remains& it) {
    it.file(kCache, "ours");
    it.root.file(kCache, "mine");
  });
  stays(kCache, [](Remains& it) {
    it.file(kCache, "ours");
    it.root.file(kCache, "ours, and more");
  });
  stays(kCache, [](Remains& it) {
    it.file(kCache, "ours").former = plain_file(0644);
    it.former = "theirs";
    it.root.file(kCache, "mine");
  });
  stays(kCache, [](Remains& it) {
    it.file(kCache, "ours").former = link_to("stale");
    fs::remove(it.path(kCache));
    it.root.symlink(kCache, "other");
  });
}

TEST_F(SweepOf, AFileThatWasNeverExchangedStays) {
  file(kCache, "theirs");
  auto& object = record.objects.back();
  object.content = record::Fingerprint{4, record::hash_of("ours")};
  object.former = plain_file(0644);
  object.inode.reset();
  former = "theirs";
  root.file(kBesideCache, "ou");
  root.file(std::string(kBesideCache) + ".1", "ours");
  const auto before = inode(kCache);

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_EQ(inode(kCache), before);
  EXPECT_EQ(names().size(), 2U) << "what was prepared is gone";
}

TEST_F(SweepOf, ALinkThatWasNeverExchangedForAFileStays) {
  root.symlink(kCache, "stale");
  auto& object = note(ObjectKind::File, kCache);
  object.content = record::Fingerprint{4, record::hash_of("ours")};
  object.former = link_to("stale");

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_EQ(fs::read_symlink(path(kCache)), "stale");
}

TEST_F(SweepOf, FilesBesideThatAreNotOursStay) {
  file(kCache, "ours");
  const std::string beside = kBesideCache;
  root.file("/etc/.ld.so.cache.nvhook-4701", "ours");  // another run's
  root.symlink(beside, "elsewhere").directory(beside + ".1").file(beside + ".2", "theirs");
  fs::permissions(path(beside + ".2"), fs::perms{0600});
  root.file(beside + ".3");
  fs::create_hard_link(path(beside + ".3"), path("/etc/theirs"));

  EXPECT_THAT(swept(), ElementsAre("1 taken"));
  EXPECT_TRUE(stands("/etc/.ld.so.cache.nvhook-4701"));
  EXPECT_TRUE(stands(beside));
  for (const auto* number : {".1", ".2", ".3"}) EXPECT_TRUE(stands(beside + number)) << number;
}

// Containers that are hostile

TEST_F(SweepOf, ADirectoryExchangedForALinkIsNotFollowed) {
  Remains outside;  // has just what the record names
  outside.placeholder(kPoint);
  outside.link(kLink, "ours", "stale");
  outside.directory("/usr/lib/ours");
  outside.file("/usr/lib/cache", "ours").former = plain_file(0644);
  const auto canary = Remains::names_below(outside.root.on_disk());
  for (const auto& text :
       {outside.path("/usr"), "../../../../../../../.." + outside.path("/usr")}) {
    Remains remains;
    remains.record = outside.record;
    for (auto& object : remains.record.objects) object.inode.reset();
    remains.former = "theirs";
    remains.root.symlink("/usr", text);
    const auto before = remains.names();

    EXPECT_THAT(remains.swept(), ElementsAre("0 taken"));

    EXPECT_EQ(remains.names(), before);
    EXPECT_EQ(Remains::names_below(outside.root.on_disk()), canary);
  }
}

TEST_F(SweepOf, ADirectoryExchangedForALinkInsideIsNotFollowed) {
  placeholder("/theirs/libcuda.so.550");
  record.objects.clear();
  note(ObjectKind::Mount, kPoint);
  root.symlink("/usr/lib", "../theirs");

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_TRUE(stands("/theirs/libcuda.so.550"));
}

TEST_F(SweepOf, WhatStandsInThePlaceOfADirectoryIsNotOpened) {
  placeholder(kPoint);
  fs::remove_all(path("/usr"));
  ASSERT_EQ(::mkfifo(path("/usr").c_str(), 0600), 0);
  EXPECT_THAT(swept(), ElementsAre("0 taken"));

  fs::remove(path("/usr"));
  root.file("/usr", "theirs");
  EXPECT_THAT(swept(), ElementsAre("0 taken"));
}

TEST_F(SweepOf, WhatStandsInThePlaceOfTheCacheIsNotOpened) {
  stays(kCache, [](Remains& it) {
    it.file(kCache, "");
    fs::remove(it.path(kCache));
    ::mkfifo(it.path(kCache).c_str(), 0644);
  });
  stays(kCache, [](Remains& it) {
    it.file(kCache, "ours");
    fs::remove(it.path(kCache));
    it.root.directory(kCache);
  });
  stays(kCache, [](Remains& it) {
    it.file(kCache, "ours");
    ASSERT_EQ(::truncate(it.path(kCache).c_str(), off_t{8} << 30), 0);
  });
}

TEST_F(SweepOf, ALinkInThePlaceOfTheCacheIsNotFollowed) {
  Remains outside;
  outside.file("/file", "ours");
  const auto canary = Remains::names_below(outside.root.on_disk());

  stays(kCache, [&](Remains& it) {
    it.file(kCache, "ours");
    fs::remove(it.path(kCache));
    it.root.symlink(kCache, outside.path("/file"));
  });

  EXPECT_EQ(Remains::names_below(outside.root.on_disk()), canary);
}

// A link where the file that is put back is written first would lead that to the host.
TEST_F(SweepOf, ALinkWhereTheFormerFileIsWrittenIsNotFollowed) {
  Remains outside;
  outside.root.file("/file", "the host's");
  file(kCache, "ours").former = plain_file(0644);
  former = "theirs";
  constexpr auto kBeside = "/etc/.ld.so.cache.nvhook-sweep-4700";
  root.symlink(kBeside, outside.path("/file"));

  const auto done = try_sweep();

  EXPECT_TRUE(done);
  EXPECT_EQ(outside.content("/file"), "the host's");
  EXPECT_EQ(content(kCache), "theirs");  // by another name
  EXPECT_TRUE(std::filesystem::is_symlink(root.on_disk(kBeside)));
}

TEST_F(SweepOf, ASecondSweepFindsNothing) {
  directory("/opt");
  placeholder("/opt/file");
  link(kLink, "ours", "stale");
  link("/usr/lib/libcuda.so", "libcuda.so.1");
  file(kCache, "ours").former = plain_file(0644);
  file("/etc/musl", "ours").former = link_to("stale");
  file("/etc/conf", "ours");
  former = "theirs";

  EXPECT_THAT(swept(), ElementsAre("7 taken"));
  const auto after = names();

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
  EXPECT_EQ(names(), after);
}

TEST_F(SweepOf, ARecordOfNothingTakesNothing) {
  root.file("/etc/ld.so.cache");

  EXPECT_THAT(swept(), ElementsAre("0 taken"));
}

}  // namespace
}  // namespace nvhook::litter
