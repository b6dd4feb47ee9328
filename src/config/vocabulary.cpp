// SPDX-License-Identifier: Apache-2.0
#include "vocabulary.hpp"

#include <algorithm>
#include <utility>

#include "nearest.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::config {

void Vocabulary::add(std::string_view table, std::string_view name) {
  keys_.push_back({table, name});
  while (!table.empty() && std::ranges::find(tables_, table) == tables_.end()) {
    tables_.push_back(table);
    const auto dot = table.rfind('.');
    table = dot == table.npos ? std::string_view() : table.substr(0, dot);
  }
}

bool Vocabulary::should_be_table(const Entry& entry) const {
  return entry.name.find('.') == entry.name.npos &&
         std::ranges::find(tables_, full_name(entry)) != tables_.end();
}

std::string Vocabulary::nearest_to(const Entry& entry) const {
  std::vector<std::string_view> beside;
  for (const auto& key : keys_)
    if (key.table == entry.table) beside.push_back(key.name);
  const auto prefix = entry.table.empty() ? entry.table : entry.table + ".";
  for (const auto& table : tables_)
    if (table.starts_with(prefix) && table.find('.', prefix.size()) == table.npos)
      beside.push_back(table.substr(prefix.size()));
  if (const auto close = nearest(entry.name, beside); !close.empty()) return std::string(close);
  const auto elsewhere = std::ranges::find(keys_, std::string_view(entry.name), &Name::name);
  if (elsewhere == keys_.end()) return {};
  return (elsewhere->table.empty() ? "" : std::string(elsewhere->table) + ".") + entry.name;
}

std::string Vocabulary::text_of_unknown(const Entry& entry) const {
  auto text = (entry.table.empty() ? "" : entry.table + ": ") + "unknown key " + quote(entry.name);
  if (const auto close = nearest_to(entry); !close.empty())
    text += ", the nearest known one is " + close;
  return text;
}

void Complaints::add(std::uint32_t line, std::string text) {
  complaints_.push_back({line, std::move(text)});
}

std::vector<Warning> Complaints::take() && {
  std::ranges::sort(complaints_);
  std::vector<Warning> warnings;
  for (auto& [line, text] : complaints_)
    warnings.push_back({WarningId::ConfigKey,
                        std::string(file_) + ":" + std::to_string(line) + ": " + std::move(text)});
  return warnings;
}

}  // namespace nvhook::config
