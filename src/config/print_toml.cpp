// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "keys.hpp"
#include "nvhook/config/print.hpp"
#include "origin.hpp"

namespace nvhook::config {
namespace {

// As a basic string. Whatever a terminal could take for a command is escaped; letters are not.
std::string quoted(std::string_view text) {
  std::string string = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    // U+0080 to U+009F, which are two bytes in UTF-8
    const bool is_late_control = c == 0xc2 && next >= 0x80 && next < 0xa0;
    if (c < 0x20 || c == 0x7f || is_late_control) {
      std::array<char, 16> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04X", is_late_control ? next : c);
      string += escape.data();
      if (is_late_control) ++i;
    } else {
      if (c == '"' || c == '\\') string += '\\';
      string += text[i];
    }
  }
  return string + '"';
}

// More than one of a list that is too long for a line.
using Lines = std::vector<std::string>;

Lines one_below_the_other(const std::vector<std::string>& words) {
  if (words.empty()) return {"[]"};
  Lines lines = {"["};
  for (const auto& word : words) lines.push_back("  " + quoted(word) + ",");
  lines.emplace_back("]");
  return lines;
}

Lines on_one_line(const std::vector<std::string>& words) {
  constexpr std::size_t kLongest = 80;
  std::string text = "[";
  for (const auto& word : words) text += (text.size() > 1 ? ", " : "") + quoted(word);
  if (text.size() > kLongest) return one_below_the_other(words);
  return {text + "]"};
}

// The value of a key, by what it is.
struct Printer {
  Settings& settings;

  Lines operator()(FlagOf of) const { return {of(settings) ? "true" : "false"}; }
  Lines operator()(const PathOf& path) const { return {quoted(path.of(settings))}; }
  Lines operator()(const PathsOf& paths) const { return one_below_the_other(paths.of(settings)); }
  Lines operator()(const NamesOf& names) const { return on_one_line(names.of(settings)); }
  Lines operator()(const AddressOf& address) const { return {quoted(address.of(settings))}; }
  Lines operator()(const HostsOf& hosts) const { return on_one_line(hosts.of(settings)); }
  Lines operator()(CapabilitiesOf of) const {
    const auto& set = of(settings);
    if (set == Capabilities::all()) return on_one_line({"all"});
    std::vector<std::string> names;
    for (const auto capability : kAllCapabilities)
      if (set.contains(capability)) names.emplace_back(name_of(capability));
    return on_one_line(names);
  }
  Lines operator()(SecondsOf of) const {
    const auto time = of(settings).count();
    if (time % 1000 == 0) return {std::to_string(time / 1000)};
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%lld.%03lld", static_cast<long long>(time / 1000),
                  static_cast<long long>(time % 1000));
    const std::string_view digits = text.data();
    return {std::string(digits.substr(0, digits.find_last_not_of('0') + 1))};
  }
  Lines operator()(const WordOf& word) const { return {quoted(word.words[word.kept(settings)])}; }
};

std::string origin_of(const Key& key, const Parsed& effective) {
  const auto* giver = giver_of(key, effective);
  if (giver == nullptr) return "default";
  if (!giver->option.empty()) return std::string(giver->option);
  return effective.file + ":" + std::to_string(giver->line);
}

}  // namespace

std::string to_toml(const Parsed& effective) {
  auto settings = effective.settings;
  std::string text = "# " + (effective.file.empty() ? "No configuration file" : effective.file) +
                     "; behind each setting stands where it comes from.\n";
  const auto keys = all_keys();
  for (auto first = keys.begin(); first != keys.end();) {
    const auto end =
        std::find_if(first, keys.end(), [&](const Key& key) { return key.table != first->table; });
    text += "\n[" + std::string(first->table) + "]\n";
    std::vector<Lines> members;
    std::size_t width = 0;
    for (auto key = first; key != end; ++key) {
      auto& lines = members.emplace_back(std::visit(Printer{settings}, key->place));
      lines.front().insert(0, std::string(key->name) + " = ");
      width = std::max(width, lines.front().size());
    }
    for (const auto& lines : members) {
      text += lines.front() + std::string(width - lines.front().size(), ' ') + "  # " +
              origin_of(*first++, effective) + "\n";
      for (const auto& line : std::span(lines).subspan(1)) text += line + "\n";
    }
  }
  return text;
}

}  // namespace nvhook::config
