// SPDX-License-Identifier: Apache-2.0
// Records on a /run of the test's own.
#include "nvhook/record/store.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "record/sample.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::record {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreOfRecords : public test::OwnMounts {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
  }

  static Store opened() { return std::move(Store::open(Store::Missing::Make)).value(); }

  static std::string file_of(const Record& record) { return file_name(record.bundle, record.id); }
  static fs::path path_of(const Record& record) { return "/run/nvhook/" + file_of(record); }

  static std::string said_of_reading(const Record& record) {
    const auto read = opened().read(file_of(record));
    return read ? "read" : read.error().text();
  }

  static std::vector<std::string> names_on_disk() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator("/run/nvhook"))
      names.push_back(entry.path().filename());
    return names;
  }
};

TEST_F(StoreOfRecords, GivesBackWhatWasWritten) {
  const auto record = test::sample_record();

  const auto store = opened();
  const auto written = store.write(record);

  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(store.read(file_of(record)).value(), record);
  EXPECT_THAT(store.names().value(), ElementsAre(file_of(record)));
  EXPECT_THAT(names_on_disk(), ElementsAre(file_of(record)));
}

TEST_F(StoreOfRecords, IsForRootAlone) {
  const auto record = test::sample_record();
  ASSERT_TRUE(opened().write(record));

  struct stat status {};
  ASSERT_EQ(::stat("/run/nvhook", &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  ASSERT_EQ(::stat(path_of(record).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(StoreOfRecords, PutsANewRecordInThePlaceOfTheOlderOne) {
  auto record = test::sample_record();
  const auto store = opened();
  ASSERT_TRUE(store.write(record));
  record.pid += 1;

  ASSERT_TRUE(store.write(record));

  EXPECT_EQ(store.read(file_of(record)).value(), record);
  EXPECT_THAT(names_on_disk(), ElementsAre(file_of(record)));
}

TEST_F(StoreOfRecords, ReplacesWhatAKilledRunHasLeft) {
  const auto record = test::sample_record();
  const auto store = opened();
  std::ofstream("/run/nvhook/." + file_of(record)) << "{\"schema\":";

  EXPECT_THAT(store.names().value(), IsEmpty());
  ASSERT_TRUE(store.write(record));

  EXPECT_THAT(names_on_disk(), ElementsAre(file_of(record)));
}

TEST_F(StoreOfRecords, LeavesNothingOfARecordThatDoesNotFit) {
  ASSERT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755,size=4k"), 0);
  auto record = test::sample_record();
  while (record.objects.size() < 100) record.objects.push_back(record.objects[0]);

  const auto written = opened().write(record);

  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().id(), ErrorId::Record);
  EXPECT_THAT(names_on_disk(), IsEmpty());
}

TEST_F(StoreOfRecords, KeepsTheBytesOfAFileBesideTheRecord) {
  const auto record = test::sample_record();
  const auto store = opened();
  const std::string bytes("\0\xff old", 6);

  ASSERT_TRUE(store.write(record, bytes));

  EXPECT_EQ(store.read_former(file_of(record)).value(), bytes);
  EXPECT_THAT(store.names().value(), ElementsAre(file_of(record)));
  ASSERT_TRUE(store.remove(file_of(record)));
  EXPECT_THAT(names_on_disk(), IsEmpty());
}

TEST_F(StoreOfRecords, HasNoBytesOfAnOlderRecord) {
  const auto record = test::sample_record();
  const auto store = opened();
  ASSERT_TRUE(store.write(record, "old"));

  ASSERT_TRUE(store.write(record));

  EXPECT_EQ(store.read_former(file_of(record)).error().code(),
            std::errc::no_such_file_or_directory);
  EXPECT_THAT(names_on_disk(), ElementsAre(file_of(record)));
}

TEST_F(StoreOfRecords, TakesALineMore) {
  auto record = test::sample_record();
  const auto store = opened();
  const auto file = store.write(record);
  ASSERT_TRUE(file);

  ASSERT_TRUE(Store::add(file->get(), {{record.objects[0].path, 99}}));

  record.objects[0].inode = 99;
  EXPECT_EQ(store.read(file_of(record)).value(), record);
}

TEST_F(StoreOfRecords, RemovesWhatKilledRunsHaveLeftAWhileAgo) {
  const auto record = test::sample_record();
  const auto store = opened();
  ASSERT_TRUE(store.write(record, "bytes"));
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::minutes(2);
  for (const auto* name : {".old.json", "old.former", ".new.json", "new.former"}) {
    const auto path = std::string("/run/nvhook/") + name;
    std::ofstream(path) << "{";
    if (std::string_view(name).contains("old")) std::filesystem::last_write_time(path, long_ago);
  }
  const auto own = file_of(record);
  std::filesystem::last_write_time(path_of(record), long_ago);

  ASSERT_TRUE(store.remove_unfinished());

  EXPECT_THAT(names_on_disk(),
              ::testing::UnorderedElementsAre(".new.json", "new.former", own,
                                              own.substr(0, own.rfind('.')) + ".former"));
}

TEST_F(StoreOfRecords, RemovesARecordOnce) {
  const auto record = test::sample_record();
  const auto store = opened();
  ASSERT_TRUE(store.write(record));

  EXPECT_TRUE(store.remove(file_of(record)));
  EXPECT_TRUE(store.remove(file_of(record)));

  EXPECT_THAT(names_on_disk(), IsEmpty());
  EXPECT_EQ(store.read(file_of(record)).error().code(), std::errc::no_such_file_or_directory);
}

TEST_F(StoreOfRecords, IsNotThereBeforeItIsMade) {
  const auto store = Store::open(Store::Missing::Fail);

  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), std::errc::no_such_file_or_directory);
}

TEST_F(StoreOfRecords, IsRefusedWhereOthersCouldChangeIt) {
  const struct {
    const char* what;
    std::function<void()> make;
  } cases[] = {
      {"writable for others",
       [] {
         fs::create_directory("/run/nvhook");
         ::chmod("/run/nvhook", 0777);
       }},
      {"another user's",
       [] {
         fs::create_directory("/run/nvhook");
         ASSERT_EQ(::chown("/run/nvhook", 1000, 0), 0);
       }},
      {"a link", [] { fs::create_directory_symlink("/tmp", "/run/nvhook"); }},
      {"a file", [] { std::ofstream("/run/nvhook"); }},
  };
  for (const auto& [what, make] : cases) {
    make();
    const auto store = Store::open(Store::Missing::Make);
    EXPECT_EQ(store ? "opened" : name_of(store.error().id()), "E_RECORD") << what;
    fs::remove_all("/run/nvhook");
  }
}

TEST_F(StoreOfRecords, RefusesRecordsThatOthersCouldHaveWritten) {
  const auto record = test::sample_record();
  ASSERT_TRUE(opened().write(record));
  const auto path = path_of(record);
  EXPECT_EQ(said_of_reading(record), "read");

  ASSERT_EQ(::chmod(path.c_str(), 0602), 0);
  EXPECT_THAT(said_of_reading(record), HasSubstr("root's alone"));
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  ASSERT_EQ(::chown(path.c_str(), 1000, 0), 0);
  EXPECT_THAT(said_of_reading(record), HasSubstr("root's alone"));
  fs::rename(path, "/run/elsewhere");
  fs::create_symlink("/run/elsewhere", path);
  EXPECT_THAT(said_of_reading(record), HasSubstr("Too many levels of symbolic links"));
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(said_of_reading(record), HasSubstr("no plain file"));
}

TEST_F(StoreOfRecords, RefusesTheRecordOfAnotherContainerUnderThisName) {
  const auto record = test::sample_record();
  auto other = record;
  other.id = "c2";
  ASSERT_TRUE(opened().write(other));

  fs::rename(path_of(other), path_of(record));

  EXPECT_THAT(said_of_reading(record), HasSubstr("another container"));
}

}  // namespace
}  // namespace nvhook::record
