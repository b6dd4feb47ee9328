// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "document.hpp"
#include "keys.hpp"
#include "nvhook/config/settings.hpp"
#include "values.hpp"
#include "vocabulary.hpp"

namespace nvhook::config {
namespace {

Vocabulary our_vocabulary() {
  Vocabulary vocabulary;
  for (const auto& key : all_keys()) vocabulary.add(key.table, key.name);
  return vocabulary;
}

const Key* key_of(const Entry& entry) {
  const auto keys = all_keys();
  const auto key = std::ranges::find_if(keys, [&](const Key& known) {
    return known.table == entry.table && known.name == entry.name;
  });
  return key == keys.end() ? nullptr : &*key;
}

}  // namespace

Result<Parsed> parse(std::string_view toml, std::string_view origin) {
  const auto vocabulary = our_vocabulary();
  const auto entries = read_document(toml, origin, vocabulary.tables());
  if (!entries) return std::unexpected(entries.error());
  Parsed parsed{.settings = defaults(), .file = std::string(origin)};
  Complaints complaints(origin);
  for (const auto& entry : *entries) {
    if (vocabulary.should_be_table(entry))
      return wrong_type(entry.value, {origin, full_name(entry)}, "a table");
    const auto* key = key_of(entry);
    if (key == nullptr) {
      complaints.add(entry.line, vocabulary.text_of_unknown(entry));
      continue;
    }
    const Subject subject{origin, full_name(entry)};
    if (auto kept = keep(entry.value, *key, subject, parsed.settings); !kept)
      return std::unexpected(std::move(kept).error());
    parsed.given.push_back({.table = key->table, .name = key->name, .line = entry.line});
  }
  parsed.warnings = std::move(complaints).take();
  return parsed;
}

}  // namespace nvhook::config
