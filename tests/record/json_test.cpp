// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "nvhook/record/record.hpp"
#include "record/escape.hpp"
#include "record/sample.hpp"

namespace nvhook::record {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string text_of(const Record& record) { return to_json(record).value(); }

// What is said of the sample's text after a change of it.
std::string complaint(const std::function<void(json&)>& change) {
  auto document = json::parse(text_of(test::sample_record()));
  change(document);
  const auto record = parse(document.dump());
  return record ? "taken" : record.error().text();
}

TEST(Record, ComesBackAsItWasWritten) {
  const auto record = test::sample_record();

  EXPECT_EQ(parse(text_of(record)).value(), record);
}

TEST(Record, MayLackWhatAContainerLacks) {
  auto record = test::sample_record();
  record.identity.cgroup.reset();
  record.devices.clear();
  record.objects.clear();

  EXPECT_EQ(parse(text_of(record)).value(), record);
}

TEST(Record, KeepsNamesOfAnyBytes) {
  auto record = test::sample_record();
  record.id = "a\"b\\c%41\n\xff\xc3\xa4";
  record.objects[0].path.value =
      "/usr/l\xe4"
      "ib";
  record.objects[2].replaces = std::string("\x01\x7f", 2);

  const auto text = text_of(record);

  EXPECT_EQ(parse(text).value(), record);
  EXPECT_THAT(text, HasSubstr("/usr/l%E4ib"));
}

TEST(Record, KnowsWhatWasMadeOnceThatIsWritten) {
  auto record = test::sample_record();
  const auto text =
      text_of(record) + to_json(std::vector<Made>{{{"/usr/lib64"}, 7}, {{"/usr/elsewhere"}, 8}});

  const auto read = parse(text).value();

  record.objects[0].inode = 7;
  EXPECT_EQ(read, record);
}

TEST(Record, PassesOverASecondLineThatWasNotWrittenWhole) {
  const auto record = test::sample_record();
  const auto second = to_json(std::vector<Made>{{{"/usr/lib64"}, 7}});

  for (std::size_t size = 0; size + 2 < second.size(); ++size)
    EXPECT_EQ(parse(text_of(record) + second.substr(0, size)).value(), record) << size;
}

TEST(Record, IsRefusedWithoutAnyOfItsFields) {
  const auto whole = json::parse(text_of(test::sample_record())).flatten();
  for (const auto& [place, value] : whole.items()) {
    const json::json_pointer field(place);
    EXPECT_THAT(
        complaint([&](json& document) { document.at(field.parent_pointer()).erase(field.back()); }),
        HasSubstr("\"" + field.back() + "\" is missing"))
        << place;
  }
}

TEST(Record, IsRefusedWithAFieldOfAnotherForm) {
  const struct {
    const char* place;
    json value;
  } cases[] = {
      {"/schema", "nvhook.record/2"},
      {"/id", 1},
      {"/id", "%4"},
      {"/id", "%41"},  // a letter needs no escape, and would make two texts of one name
      {"/id", "\xc3\xa4"},
      {"/bundle", nullptr},
      {"/pid", 1},
      {"/pid", -4711},
      {"/pid", 2147483648},
      {"/pid", "4711"},
      {"/pid", 1.5},
      {"/identity", json::array()},
      {"/identity/start_time", -1},
      {"/identity/mount_namespace/inode", 1e30},
      {"/identity/cgroup", true},
      {"/devices", json::object()},
      {"/devices/0", 195},
      {"/devices/0/path", "dev/nvidia0"},
      {"/devices/0/node", "/run/../dev/nvidia0"},
      {"/devices/0/major", 4294967296},
      {"/root", 4242},
      {"/hook", 1},
      {"/objects/0/kind", "socket"},
      {"/objects/1/creates", 1},
      {"/objects/2/replaces", 0},
      {"/objects/3/content/hash", "18446744073709551615"},
      {"/objects/3/former/mode", -1},
  };
  for (const auto& [place, value] : cases)
    EXPECT_THAT(complaint([&](json& document) { document[json::json_pointer(place)] = value; }),
                ::testing::StartsWith("E_RECORD: "))
        << place << " " << value;
}

TEST(Record, SaysWhereTheFieldIs) {
  EXPECT_THAT(complaint([](json& document) { document["devices"][0]["minor"] = "x"; }),
              HasSubstr("devices: \"minor\" is not a number in range"));
}

TEST(Record, MayHaveKeysOfLaterVersions) {
  EXPECT_EQ(complaint([](json& document) { document["loader_cache"] = {{"size", 1}}; }), "taken");
}

TEST(Record, IsRefusedWhereItIsNoJsonOrTooLarge) {
  const auto text = text_of(test::sample_record());
  for (std::size_t size = 0; size + 2 < text.size(); ++size)
    EXPECT_FALSE(parse(text.substr(0, size))) << size;
  EXPECT_FALSE(parse(text + std::string(kMaxRecordBytes, ' ')));
  auto large = test::sample_record();
  large.objects.resize(1, large.objects[0]);
  while (large.objects.size() < 20'000) large.objects.push_back(large.objects[0]);
  EXPECT_FALSE(to_json(large));
}

TEST(Record, HasAFileNameOfItsContainersOwn) {
  const auto name = file_name("/b", "c1");

  EXPECT_EQ(name, file_name("/b", "c1"));
  EXPECT_NE(name, file_name("/b", "c2"));
  EXPECT_NE(name, file_name("/b2", "c1"));
  EXPECT_NE(file_name("/bc", "1"), file_name("/b", "c1"));
  EXPECT_THAT(name, ::testing::MatchesRegex("[0-9a-f]{16}\\.json"));
}

TEST(Escape, LeavesPlainTextAlone) {
  EXPECT_EQ(escape("/usr/lib/x86_64-linux-gnu/a b~!"), "/usr/lib/x86_64-linux-gnu/a b~!");
  EXPECT_EQ(escape(std::string("\0\n%\x7f\x80\"\\", 7)), "%00%0A%25%7F%80%22%5C");
}

TEST(Escape, IsUndoneExactly) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);

  EXPECT_EQ(unescape(escape(all)), all);
  for (const auto* text : {"%", "%4", "%4g", "%0a", "%41", "\n", "\xc3\xa4"})
    EXPECT_FALSE(unescape(text)) << text;
}

}  // namespace
}  // namespace nvhook::record
