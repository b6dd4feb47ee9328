// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <utility>

// Errors come back as values, nothing is written, and all of it is compiled here and nowhere else.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "keys.hpp"
#include "nearest.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {
namespace {

// toml++ 3.3 makes one table inside the other for each part of a dotted key and takes them down by
// recursion. Keys do not span lines, so a bound on lines bounds the stack.
constexpr std::size_t kMaxLine = std::size_t{16} << 10U;  // bytes

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a float";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

// "config.toml:3: " of a message.
std::string at(std::string_view origin, const toml::source_region& where) {
  return std::string(origin) + ":" + std::to_string(where.begin.line) + ": ";
}

// Reads one document; collects what the keys say in settings_ and what no key knows as warnings.
class Reader {
 public:
  explicit Reader(std::string_view origin) : origin_(origin), settings_(defaults()) {}

  Result<void> read(const toml::table& document) {
    for (const auto& [name, node] : document) {
      if (!is_table(name.str())) {
        note_unknown(name, "", table_names());
        continue;
      }
      const auto* table = node.as_table();
      if (table == nullptr) return wrong_type(node, name.str(), "a table");
      if (auto read = read_table(name.str(), *table); !read) return read;
    }
    return {};
  }

  [[nodiscard]] Parsed take() && {
    std::ranges::sort(unknown_);
    Parsed parsed{std::move(settings_), {}};
    for (auto& unknown : unknown_)
      parsed.warnings.push_back({WarningId::ConfigKey, std::move(unknown.text)});
    return parsed;
  }

 private:
  struct Unknown {
    toml::source_index line = 0;
    std::string text;
    auto operator<=>(const Unknown&) const = default;
  };

  static bool is_table(std::string_view name) {
    return std::ranges::find(all_keys(), name, &Key::table) != all_keys().end();
  }
  static std::vector<std::string_view> table_names() {
    std::vector<std::string_view> names;
    for (const auto& key : all_keys())
      if (names.empty() || names.back() != key.table) names.push_back(key.table);
    return names;
  }
  static std::vector<std::string_view> names_in(std::string_view table) {
    std::vector<std::string_view> names;
    for (const auto& key : all_keys())
      if (key.table == table) names.push_back(key.name);
    return names;
  }

  Result<void> read_table(std::string_view name, const toml::table& table) {
    for (const auto& [key_name, node] : table) {
      const auto key = std::ranges::find_if(all_keys(), [&, member = key_name.str()](auto& known) {
        return known.table == name && known.name == member;
      });
      if (key == all_keys().end()) {
        note_unknown(key_name, name, names_in(name));
        continue;
      }
      if (auto read = read_key(*key, node); !read) return read;
    }
    return {};
  }

  Result<void> read_key(const Key& key, const toml::node& node) {
    const auto name = std::string(key.table) + "." + std::string(key.name);
    if (const auto* path = std::get_if<PathOf>(&key.place)) {
      // What a machine without a file leaves unset may be written as unset.
      const bool may_be_empty = key.usual.front().empty();
      if (may_be_empty && node.value<std::string_view>() == "") {
        (*path)(settings_).clear();
        return {};
      }
      return read_path(name, node, (*path)(settings_));
    }
    const auto* array = node.as_array();
    if (array == nullptr) return wrong_type(node, name, "an array of strings");
    auto& paths = std::get<PathsOf>(key.place)(settings_);
    paths.clear();
    for (const auto& element : *array) {
      const auto place = name + "[" + std::to_string(paths.size()) + "]";
      if (auto read = read_path(place, element, paths.emplace_back()); !read) return read;
    }
    return {};
  }

  Result<void> read_path(std::string_view name, const toml::node& node, std::string& to) {
    const auto text = node.value<std::string_view>();
    if (!text) return wrong_type(node, name, "a string");
    auto path = HostPath::parse(*text);
    if (!path)
      return std::unexpected(std::move(path)
                                 .error()
                                 .within(name)
                                 .within(origin_ + ":" + std::to_string(node.source().begin.line))
                                 .as(ErrorId::Config));
    to = std::move(path->value);
    return {};
  }

  [[nodiscard]] std::unexpected<Error> wrong_type(const toml::node& node, std::string_view name,
                                                  std::string_view due) const {
    return failure(ErrorId::Config, at(origin_, node.source()) + std::string(name) + " is " +
                                        std::string(kind_of(node)) + ", " + std::string(due) +
                                        " is due");
  }

  void note_unknown(const toml::key& key, std::string_view table,
                    const std::vector<std::string_view>& known) {
    auto text = at(origin_, key.source()) + (table.empty() ? "" : std::string(table) + ": ") +
                "unknown key " + quote(key.str());
    if (const auto close = nearest(key.str(), known); !close.empty())
      text += ", the nearest known one is " + std::string(close);
    unknown_.push_back({key.source().begin.line, std::move(text)});
  }

  std::string origin_;
  Settings settings_;
  std::vector<Unknown> unknown_;
};

std::optional<std::size_t> overlong_line(std::string_view text) {
  for (std::size_t line = 1;; ++line) {
    const auto end = text.find('\n');
    if (std::min(end, text.size()) > kMaxLine) return line;
    if (end == text.npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<Parsed> parse(std::string_view text, std::string_view origin) {
  if (const auto line = overlong_line(text))
    return failure(ErrorId::Config, std::string(origin) + ":" + std::to_string(*line) +
                                        ": line longer than " + std::to_string(kMaxLine) +
                                        " bytes");
  const auto document = toml::parse(text);
  if (!document) {
    const auto& where = document.error().source().begin;
    return failure(ErrorId::Config, std::string(origin) + ":" + std::to_string(where.line) + ":" +
                                        std::to_string(where.column) + ": " +
                                        quote(document.error().description()));
  }
  Reader reader(origin);
  if (auto read = reader.read(document.table()); !read)
    return std::unexpected(std::move(read).error());
  return std::move(reader).take();
}

}  // namespace nvhook::config
