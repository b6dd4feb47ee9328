// SPDX-License-Identifier: Apache-2.0
#include "volumes/answers.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace nvhook::volumes {
namespace {

constexpr auto kType = "application/vnd.docker.plugins.v1+json";

// What Go escapes besides what JSON has to. Source: Go, encoding/json, HTMLEscape.
constexpr std::array kEscapes = {std::pair<std::string_view, std::string_view>{"<", "\\u003c"},
                                 std::pair<std::string_view, std::string_view>{">", "\\u003e"},
                                 std::pair<std::string_view, std::string_view>{"&", "\\u0026"},
                                 std::pair<std::string_view, std::string_view>{"\u2028", "\\u2028"},
                                 std::pair<std::string_view, std::string_view>{"\u2029", "\\u2029"},
                                 // Which have no short form there.
                                 std::pair<std::string_view, std::string_view>{"\\b", "\\u0008"},
                                 std::pair<std::string_view, std::string_view>{"\\f", "\\u000c"},
                                 // Anything else behind a backslash stays what it is.
                                 std::pair<std::string_view, std::string_view>{"\\\\", "\\\\"}};

// As JSON, in quotation marks. What is no UTF-8 becomes U+FFFD.
std::string text(std::string_view value) {
  const auto json =
      nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string go;
  for (std::string_view rest = json; !rest.empty();) {
    const auto escape = std::ranges::find_if(
        kEscapes, [rest](const auto& each) { return rest.starts_with(each.first); });
    const bool found = escape != kEscapes.end();
    go += found ? escape->second : rest.substr(0, 1);
    rest.remove_prefix(found ? escape->first.size() : 1);
  }
  return go;
}

http::Response answer(std::string json) {
  return http::response(200, kType, std::move(json) + "\n");
}

// {"<key>":<value>,"Err":<err>}
http::Response answer(std::string_view key, std::string_view value, std::string_view err) {
  return answer("{\"" + std::string(key) + "\":" + std::string(value) +
                ",\"Err\":" + std::string(err) + "}");
}

std::string object(const Volume& volume) {
  return R"({"Name":)" + text(volume.name) + R"(,"Mountpoint":)" + text(volume.mountpoint) + "}";
}

constexpr std::string_view kNull = "null";

}  // namespace

http::Response activated() { return answer(R"({"Implements":["VolumeDriver"]})"); }
http::Response capabilities() { return answer(R"({"Capabilities":{"Scope":"local"}})"); }

http::Response done() { return answer(R"({"Err":null})"); }
http::Response refusal(std::string_view why) { return answer(R"({"Err":)" + text(why) + "}"); }

http::Response volume(const Volume& volume) { return answer("Volume", object(volume), kNull); }
http::Response no_volume(std::string_view why) { return answer("Volume", kNull, text(why)); }

http::Response mountpoint(std::string_view path) { return answer("Mountpoint", text(path), kNull); }
http::Response no_mountpoint(std::string_view why) {
  return answer("Mountpoint", kNull, text(why));
}

http::Response volumes(const std::vector<Volume>& all) {
  std::string list;
  for (const auto& each : all) list += (list.empty() ? "[" : ",") + object(each);
  return answer("Volumes", list.empty() ? std::string(kNull) : list + "]", kNull);
}
http::Response no_volumes(std::string_view why) { return answer("Volumes", kNull, text(why)); }

}  // namespace nvhook::volumes
