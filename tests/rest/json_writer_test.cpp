// SPDX-License-Identifier: Apache-2.0
#include "rest/json_writer.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "rest/utf8.hpp"

namespace nvhook::rest {
namespace {

std::string written(std::string_view text) {
  JsonWriter json;
  json.value(text);
  auto line = std::move(json).take();
  EXPECT_TRUE(line.ends_with('\n'));
  line.pop_back();
  return line;
}

TEST(JsonWriter, EscapesAsGo) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"Tesla K40m", R"("Tesla K40m")"},
      {R"(a"b\c/d)", R"("a\"b\\c/d")"},
      {"<&>", R"("\u003c\u0026\u003e")"},
      {"\n\r\t\b\f\x01\x1f", R"("\n\r\t\u0008\u000c\u0001\u001f")"},
      {std::string("\0", 1), R"("\u0000")"},
      {"\x7f", "\"\x7f\""},
      {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
      {"\xe2\x80\xa8\xe2\x80\xa9", R"("\u2028\u2029")"},
      {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
      {"a\xff\xfe", R"("a\ufffd\ufffd")"},
  };
  for (const auto& [text, due] : rows) EXPECT_EQ(written(text), due);
}

TEST(JsonWriter, WritesWhatOthersRead) {
  JsonWriter json;
  json.begin_object();
  json.member("text", "a");
  json.member("none", std::optional<std::uint64_t>());
  json.key("list");
  json.begin_array();
  json.value(1U);
  json.value(true);
  json.begin_array();
  json.end_array();
  json.begin_object();
  json.end_object();
  json.null();
  json.end_array();
  json.member("last", std::uint64_t{18446744073709551615U});
  json.end_object();

  EXPECT_EQ(std::move(json).take(),
            "{\"text\":\"a\",\"none\":null,\"list\":[1,true,[],{},null],"
            "\"last\":18446744073709551615}\n");
}

TEST(Utf8, TakesOneByteOfWhatIsNone) {
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    const auto rune = first_rune(text);
    EXPECT_FALSE(rune.valid);
    EXPECT_EQ(rune.bytes, 1U);
    EXPECT_EQ(rune.code, char32_t{0xfffd});
  }
}

TEST(Utf8, TakesCharactersAtTheEndsOfEachLength) {
  const std::vector<std::pair<std::string_view, char32_t>> rows = {
      {std::string_view("\0", 1), 0},
      {"\x7f", 0x7f},
      {"\xc2\x80", 0x80},
      {"\xdf\xbf", 0x7ff},
      {"\xe0\xa0\x80", 0x800},
      {"\xed\x9f\xbf", 0xd7ff},
      {"\xee\x80\x80", 0xe000},
      {"\xef\xbf\xbf", 0xffff},
      {"\xf0\x90\x80\x80", 0x10000},
      {"\xf4\x8f\xbf\xbf", 0x10ffff},
  };
  for (const auto& [text, code] : rows) {
    const auto rune = first_rune(text);
    EXPECT_TRUE(rune.valid);
    EXPECT_EQ(rune.bytes, text.size());
    EXPECT_EQ(rune.code, code);
  }
}

}  // namespace
}  // namespace nvhook::rest
