// SPDX-License-Identifier: Apache-2.0
#include "environment.hpp"

#include <charconv>
#include <system_error>

#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

// Bare where it is plain, as NVIDIA's own are; other names may come from the container.
std::string shown(std::string_view variable) {
  const auto quoted = quote(variable);
  return quoted.size() == variable.size() + 2 ? std::string(variable) : quoted;
}

}  // namespace

std::optional<std::string_view> value_of(const std::vector<std::string>& env,
                                         std::string_view name) {
  for (auto entry = env.rbegin(); entry != env.rend(); ++entry)
    if (entry->size() > name.size() && (*entry)[name.size()] == '=' && entry->starts_with(name))
      return std::string_view(*entry).substr(name.size() + 1);
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::vector<std::string_view> items_of(std::string_view list) {
  std::vector<std::string_view> items;
  for (;;) {
    const auto comma = list.find(',');
    if (const auto item = trimmed(list.substr(0, comma)); !item.empty()) items.push_back(item);
    if (comma == list.npos) return items;
    list.remove_prefix(comma + 1);
  }
}

Result<std::vector<std::string_view>> bounded_items(ErrorId id, std::string_view variable,
                                                    std::string_view value) {
  if (value.size() > kMaxValue)
    return bad_value(id, variable, "longer than " + std::to_string(kMaxValue) + " bytes");
  auto items = items_of(value);
  if (items.size() > kMaxItems)
    return bad_value(id, variable, "more than " + std::to_string(kMaxItems) + " items");
  return items;
}

std::unexpected<Error> bad_value(ErrorId id, std::string_view variable, std::string_view why) {
  return failure(id, shown(variable) + ": " + std::string(why));
}

std::optional<std::uint32_t> as_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace nvhook::request
