// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/document.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace nvhook::nvml {
namespace {

using ::testing::HasSubstr;

// With something in every place.
Nvml full() {
  Nvml nvml;
  nvml.error = {.call = "nvmlInit_v2", .code = 9, .name = "DRIVER_NOT_LOADED", .text = "no driver"};
  nvml.driver = "550.54.14";
  nvml.nvml = "12.550.54.14";
  nvml.cuda = "12.4";
  Gpu gpu;
  gpu.index = 3;
  gpu.minor = 4;
  gpu.uuid = "GPU-1";
  gpu.bus = "0000:01:00.0";
  gpu.name = "a \"name\"\\";
  gpu.brand = "Tesla";
  gpu.arch = "8.0";
  gpu.mig = {.enabled = true, .pending = false, .devices = {{2, "MIG-1", 5, 1}}};
  gpu.hardware = Hardware{};
  gpu.hardware->memory_bytes = 18'446'744'073'709'551'615U;
  gpu.links = {{.index = 1, .level = "system", .p2p = {}}};
  gpu.cuda = CudaDevice{};
  gpu.cuda->ecc = true;
  gpu.status = Status{};
  gpu.status->processes = {{.pid = 42, .name = "x", .memory_bytes = 1}};
  gpu.error = Trouble{.call = "nvmlDeviceGetBrand", .code = -1, .name = "CODE", .text = ""};
  nvml.gpus = {gpu, Gpu{}};
  return nvml;
}

TEST(NvmlDocument, SaysTheSameAfterwards) {
  for (const auto& nvml : {full(), Nvml{}}) {
    const auto again = parse(to_json(nvml));

    ASSERT_TRUE(again) << again.error().text();
    EXPECT_TRUE(*again == nvml);
  }
}

TEST(NvmlDocument, IsOneLine) {
  const auto text = to_json(full());

  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_THAT(text, HasSubstr(R"({"schema":"nvhook.nvml/1","error":{"call":"nvmlInit_v2",)"));
}

TEST(NvmlDocument, OfALibraryWithoutUtf8IsStillJson) {
  Nvml nvml;
  nvml.driver = "\xff\xfe";

  EXPECT_TRUE(parse(to_json(nvml)));
}

TEST(NvmlDocument, CannotWriteToATerminal) {
  Nvml nvml;
  nvml.driver = "550\x1b[2J\nnvhook: \x7f";

  const auto read = parse(to_json(nvml));

  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->driver, "550?[2J?nvhook: ?");
}

// A process on a GPU has the name that whoever started it gave it.
TEST(NvmlDocument, CannotWriteToATerminalInUnicodeEither) {
  Nvml nvml;
  nvml.driver = "a\u009b2Jb\u0080\u009f\u00a0\u00e4\u4e9b\U0001f600";

  const auto read = parse(to_json(nvml));

  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->driver, "a?2Jb??\u00a0\u00e4\u4e9b\U0001f600") << "CSI is U+009B";
}

TEST(NvmlDocument, SkipsKeysThatWeDoNotKnow) {
  auto json = nlohmann::json::parse(to_json(full()));
  json["more"] = {1, 2};
  json["gpus"][0]["mig"]["more"] = "x";

  EXPECT_TRUE(parse(json.dump()));
}

std::string with(const char* place, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(to_json(full()));
  json[nlohmann::json::json_pointer(place)] = value;
  return json.dump();
}

std::string without(const char* object, const char* key) {
  auto json = nlohmann::json::parse(to_json(full()));
  json[nlohmann::json::json_pointer(object)].erase(key);
  return json.dump();
}

TEST(NvmlDocument, RefusesWhatItCannotBe) {
  const std::vector<std::pair<std::string, const char*>> table = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "no JSON object"},
      {"{}", "no document nvhook.nvml/1"},
      {R"({"schema":"nvhook.nvml/2"})", "no document nvhook.nvml/1"},
      {R"({"schema":1})", "no document nvhook.nvml/1"},
      {R"({"schema":"nvhook.nvml/1","schema":"nvhook.nvml/1"})", "occurs twice"},
      {to_json(full()) + "{}", "not JSON"},
      {"\xEF\xBB\xBF" + to_json(full()), "byte order mark"},
      {to_json(full()) + '\0', "a NUL"},
      {std::string(100'000, '['), "nested deeper"},
      {R"({"schema":)" + std::string(2'000'000, ' ') + "}", "more than 1048576 bytes"},
      {with("/gpus", 7), "gpus: not a list"},
      {with("/gpus", nullptr), "gpus: not a list"},
      {with("/gpus", std::vector<int>(5000)), "gpus: not a list of at most 4096"},
      {with("/gpus/0", 7), "gpus: not an object"},
      {with("/gpus/0/index", -1), "index: not a number in range"},
      {with("/gpus/0/index", 1.5), "index: not a number in range"},
      {with("/gpus/0/index", 4'294'967'296), "index: not a number in range"},
      {with("/gpus/0/index", "0"), "index: not a number in range"},
      {with("/gpus/0/uuid", 1), "uuid: not a text"},
      {with("/gpus/0/uuid", std::string(2000, 'x')), "uuid: not a text of at most 1024 bytes"},
      {with("/gpus/0/mig/enabled", 1), "enabled: not true or false"},
      {with("/gpus/0/mig/devices/0/gi", nullptr), "gi: not a number in range"},
      {with("/gpus/0/arch", "8.0-rc"), "arch: \"8.0-rc\" is no version"},
      {with("/gpus/0/arch", ""), "arch: \"\" is no version"},
      {with("/cuda", std::string(33, '1')), "is no version"},
      {with("/error/code", 18'446'744'073'709'551'615U), "code: not a code"},
      {with("/error/code", -10'000'000'000), "code: not a code"},
      {without("", "gpus"), "\"gpus\" is missing"},
      {without("/gpus/0", "brand"), "\"brand\" is missing"},
      {without("/gpus/0/mig", "devices"), "\"devices\" is missing"},
      {R"({"schema":"nvhook.nvml/1","error":1e999})", "number too large"},
  };
  for (const auto& [text, why] : table) {
    const auto nvml = parse(text);

    ASSERT_FALSE(nvml) << text.substr(0, 200);
    EXPECT_EQ(nvml.error().id(), ErrorId::NvmlAnswer) << nvml.error().text();
    EXPECT_THAT(nvml.error().text(), HasSubstr(why));
  }
}

TEST(NvmlCode, HasTheNameOfTheHeader) {
  EXPECT_EQ(name_of_code(0), "SUCCESS");
  EXPECT_EQ(name_of_code(17), "OPERATING_SYSTEM");
  EXPECT_EQ(name_of_code(30), "RESET_TYPE_NOT_SUPPORTED");
  EXPECT_EQ(name_of_code(999), "UNKNOWN");
  EXPECT_EQ(name_of_code(31), "CODE");
  EXPECT_EQ(name_of_code(-1), "CODE");
}

}  // namespace
}  // namespace nvhook::nvml
