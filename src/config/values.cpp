// SPDX-License-Identifier: Apache-2.0
#include "values.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "nearest.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/config/address.hpp"

namespace nvhook::config {
namespace {

constexpr std::string_view kAll = "all";

// "config.toml:3"
std::string place_of(const Value& value, const Subject& subject) {
  return std::string(subject.file) + ":" + std::to_string(value.line);
}

std::unexpected<Error> not_due(const Value& value, const Subject& subject, std::string_view what,
                               std::string_view due) {
  return failure(ErrorId::Config, place_of(value, subject) + ": " + subject.name + " is " +
                                      std::string(what) + ", " + std::string(due) + " is due");
}

// Of an array, for messages about one of its elements.
Subject element(const Subject& subject, std::size_t position) {
  return {subject.file, subject.name + "[" + std::to_string(position) + "]"};
}

std::string either(std::span<const std::string_view> words) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += word == words.back() ? " or " : ", ";
    text += quote(word);
  }
  return text;
}

Result<std::size_t> word_in(const Value& value, const Subject& subject,
                            std::span<const std::string_view> words) {
  const auto* text = std::get_if<std::string>(&value.content);
  if (text == nullptr) return wrong_type(value, subject, either(words));
  const auto known = std::ranges::find(words, *text);
  if (known != words.end()) return static_cast<std::size_t>(known - words.begin());
  auto wrong = not_due(value, subject, quote(*text), either(words));
  const auto close = nearest(*text, words);
  if (close.empty()) return wrong;
  return failure(ErrorId::Config,
                 wrong.error().message() + ", the nearest is " + std::string(close));
}

Result<std::chrono::milliseconds> seconds_in(const Value& value, const Subject& subject) {
  using std::chrono::milliseconds;
  using Seconds = std::chrono::duration<double>;
  constexpr std::string_view kDue = "a number of seconds from 0.1 to 40";
  static_assert(kShortestDeadline == milliseconds(100) && kLongestDeadline == milliseconds(40'000));
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value.content))
    number = static_cast<double>(*whole);
  else if (const auto* real = std::get_if<double>(&value.content))
    number = *real;
  else
    return wrong_type(value, subject, kDue);
  const bool fits = number >= Seconds(kShortestDeadline).count() &&
                    number <= Seconds(kLongestDeadline).count();  // a NaN does not
  if (!fits) return not_due(value, subject, "beyond its bounds", kDue);
  return milliseconds(std::llround(number * 1000));
}

bool can_be_a_variable(std::string_view name) {
  constexpr std::size_t kMost = 255;
  return !name.empty() && name.size() <= kMost && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c <= '~' && c != '=' && c != ',';
  });
}

Result<std::span<const Value>> elements_in(const Value& value, const Subject& subject) {
  const auto* array = std::get_if<std::vector<Value>>(&value.content);
  if (array == nullptr) return wrong_type(value, subject, "an array of strings");
  return *array;
}

Result<std::vector<std::string>> paths_in(const Value& value, const Subject& subject) {
  const auto elements = elements_in(value, subject);
  if (!elements) return std::unexpected(elements.error());
  std::vector<std::string> paths;
  for (const auto& one : *elements) {
    auto path = path_in(one, element(subject, paths.size()));
    if (!path) return std::unexpected(std::move(path).error());
    paths.push_back(std::move(*path));
  }
  return paths;
}

Result<std::string> address_in(const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  if (!parse_address(*text)) return not_due(value, subject, quote(*text), kAddressDue);
  return std::string(*text);
}

Result<std::vector<std::string>> hosts_in(std::span<const Value> names, const Subject& subject) {
  std::vector<std::string> hosts;
  for (const auto& one : names) {
    const auto name = text_in(one, element(subject, hosts.size()));
    if (!name) return std::unexpected(name.error());
    if (!is_host_name(*name))
      return not_due(one, element(subject, hosts.size()), quote(*name), kHostDue);
    hosts.emplace_back(*name);
  }
  return hosts;
}

template <class T>
Result<void> keep_in(T& setting, Result<T> value) {
  if (!value) return std::unexpected(std::move(value).error());
  setting = std::move(*value);
  return {};
}

// Keeps one value, by what the key's is.
struct Keeper {
  const Value& value;
  const Subject& subject;
  Settings& settings;

  Result<void> operator()(FlagOf of) const {
    return keep_in(of(settings), flag_in(value, subject));
  }
  Result<void> operator()(const PathOf& path) const {
    auto& setting = path.of(settings);
    if (const auto* text = std::get_if<std::string>(&value.content);
        path.may_be_unset && text != nullptr && text->empty()) {
      setting.clear();
      return {};
    }
    return keep_in(setting, path_in(value, subject));
  }
  Result<void> operator()(const PathsOf& paths) const {
    return keep_in(paths.of(settings), paths_in(value, subject));
  }
  Result<void> operator()(const NamesOf& names) const {
    const auto elements = elements_in(value, subject);
    if (!elements) return std::unexpected(elements.error());
    return keep_in(names.of(settings), variables_in(*elements, subject));
  }
  Result<void> operator()(const AddressOf& address) const {
    return keep_in(address.of(settings), address_in(value, subject));
  }
  Result<void> operator()(const HostsOf& hosts) const {
    const auto elements = elements_in(value, subject);
    if (!elements) return std::unexpected(elements.error());
    return keep_in(hosts.of(settings), hosts_in(*elements, subject));
  }
  Result<void> operator()(CapabilitiesOf of) const {
    const auto elements = elements_in(value, subject);
    if (!elements) return std::unexpected(elements.error());
    return keep_in(of(settings), capabilities_in(*elements, subject));
  }
  Result<void> operator()(SecondsOf of) const {
    return keep_in(of(settings), seconds_in(value, subject));
  }
  Result<void> operator()(const WordOf& word) const {
    const auto position = word_in(value, subject, word.words);
    if (!position) return std::unexpected(position.error());
    word.keep(settings, *position);
    return {};
  }
};

}  // namespace

std::unexpected<Error> wrong_type(const Value& value, const Subject& subject,
                                  std::string_view due) {
  return not_due(value, subject, value.kind, due);
}

Result<bool> flag_in(const Value& value, const Subject& subject) {
  const auto* flag = std::get_if<bool>(&value.content);
  if (flag == nullptr) return wrong_type(value, subject, "true or false");
  return *flag;
}

Result<std::string_view> text_in(const Value& value, const Subject& subject) {
  const auto* text = std::get_if<std::string>(&value.content);
  if (text == nullptr) return wrong_type(value, subject, "a string");
  return *text;
}

Result<std::string> path_in(const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  auto path = HostPath::parse(*text);
  if (!path)
    return std::unexpected(std::move(path)
                               .error()
                               .within(subject.name)
                               .within(place_of(value, subject))
                               .as(ErrorId::Config));
  return std::move(path->value);
}

Result<std::vector<std::string>> variables_in(std::span<const Value> names,
                                              const Subject& subject) {
  std::vector<std::string> variables;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto name = text_in(names[i], element(subject, i));
    if (!name) return std::unexpected(name.error());
    if (!can_be_a_variable(*name))
      return not_due(names[i], element(subject, i), quote(*name), "the name of a variable");
    if (std::ranges::find(variables, *name) == variables.end()) variables.emplace_back(*name);
  }
  return variables;
}

Result<Capabilities> capabilities_in(std::span<const Value> names, const Subject& subject) {
  std::vector<std::string_view> words = {kAll};
  for (const auto capability : kAllCapabilities) words.push_back(name_of(capability));
  Capabilities set;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto position = word_in(names[i], element(subject, i), words);
    if (!position) return std::unexpected(position.error());
    if (*position == 0)
      set = Capabilities::all();
    else
      set.add(kAllCapabilities[*position - 1]);
  }
  return set;
}

Result<void> keep(const Value& value, const Key& key, const Subject& subject, Settings& settings) {
  return std::visit(Keeper{value, subject, settings}, key.place);
}

}  // namespace nvhook::config
