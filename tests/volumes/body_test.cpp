// SPDX-License-Identifier: Apache-2.0
#include "volumes/body.hpp"

#include <gtest/gtest.h>

#include "nvhook/volumes/plugin.hpp"

namespace nvhook::volumes {
namespace {

std::string told(const std::string& text) {
  const auto body = parse_body(text);
  return body ? body->name + "|" + body->id : std::string(nvhook::name_of(body.error().id()));
}

std::string nested(std::size_t depth) {
  return R"({"Opts":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') +
         R"(,"Name":"n"})";
}

TEST(PluginBody, IsReadAsGoDoes) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"Name":"n","Opts":{}})", "n|"},
      {R"({"Name":"n","Opts":null})", "n|"},
      {R"({"name":"n","id":"i"})", "n|i"},
      {R"({"NAME":"n","Id":"i"})", "n|i"},
      {R"({"Opts":{"Name":"x","ID":"y"},"Name":"n"})", "n|"},
      {R"({"Opts":[{"Name":"x"}],"Name":"n"})", "n|"},
      {R"({"Name":"\u006e"})", "n|"},
      {R"({"Name":null})", "|"},
      {R"({"Name":"n","ID":7})", "n|"},
      {R"({"Name":"n","ID":{"Name":"x"}})", "n|"},
      {R"({})", "|"},
      {"null", "|"},
      {" {\"Name\" : \"n\"}\n", "n|"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(told(text), expected) << text;
}

TEST(PluginBody, IsRefusedWhereGoRefusesIt) {
  for (const auto* text : {"", " ", "{", "}", "{\"Name\":\"n\"", "[]", "\"Name\"", "7", "true",
                           R"({"Name":7})", R"({"Name":{}})", R"({"Name":[]})", R"({"Name":true})",
                           "{Name:\"n\"}", "{'Name':'n'}", "not json", "{\"Name\":\"n\"} x"})
    EXPECT_EQ(told(text), "E_STATE_PARSE") << text;
}

TEST(PluginBody, V05_HasItsLimits) {
  for (const auto* text :
       {R"({"Name":"a","Name":"b"})", R"({"Name":"a","name":"b"})", R"({"name":null,"NAME":"b"})",
        R"({"ID":"a","Id":"b"})", R"({"ID":{},"Id":"b"})"})
    EXPECT_EQ(told(text), "E_STATE_LIMIT") << text;
  EXPECT_EQ(told(nested(kMaxBodyDepth)), "n|");
  EXPECT_EQ(told(nested(kMaxBodyDepth + 1)), "E_STATE_LIMIT");
  EXPECT_EQ(told(nested(30'000)), "E_STATE_LIMIT");
  EXPECT_EQ(told(R"({"Opts":{"a":1,"a":2},"Name":"n"})"), "E_STATE_PARSE");
  EXPECT_EQ(told(R"({"Name":"n\u0000"})"), "E_STATE_PARSE");
  EXPECT_EQ(told(std::string("{\"Name\":\"n\0\"}", 13)), "E_STATE_PARSE");
  EXPECT_EQ(told("{\"Name\":\"n\xff\"}"), "E_STATE_PARSE");
  const auto padded = [](std::size_t size) {
    const std::string text = R"({"Name":"n"})";
    return text + std::string(size - text.size(), ' ');
  };
  EXPECT_EQ(told(padded(kMaxBody)), "n|");
  EXPECT_EQ(told(padded(kMaxBody + 1)), "E_STATE_LIMIT");
}

}  // namespace
}  // namespace nvhook::volumes
