// SPDX-License-Identifier: Apache-2.0
#include "nvhook/config/nvidia_toml.hpp"

#include <algorithm>
#include <utility>

#include "document.hpp"
#include "nvidia_keys.hpp"
#include "values.hpp"
#include "vocabulary.hpp"

namespace nvhook::config {
namespace {

Vocabulary their_vocabulary() {
  Vocabulary vocabulary;
  for (const auto& key : all_nvidia_keys()) vocabulary.add(key.table, key.name);
  return vocabulary;
}

const NvidiaKey* key_of(const Entry& entry) {
  const auto keys = all_nvidia_keys();
  const auto key = std::ranges::find_if(keys, [&](const NvidiaKey& known) {
    return known.table == entry.table && known.name == entry.name;
  });
  return key == keys.end() ? nullptr : &*key;
}

// Hears what a key says, by what it means to nvhook.
struct Listener {
  const Value& value;
  const Subject& subject;
  Settings& settings;

  Result<Heard> operator()(Unconcerned) const { return Effect::None; }
  Result<Heard> operator()(const FlagMeans& means) const {
    const auto flag = flag_in(value, subject);
    if (!flag) return std::unexpected(flag.error());
    return means.hear(settings, *flag);
  }
  Result<Heard> operator()(const TextMeans& means) const {
    return means.hear(settings, value, subject);
  }
};

Ours ours_of(const NvidiaKey& key) {
  if (const auto* flag = std::get_if<FlagMeans>(&key.meaning)) return flag->ours;
  if (const auto* text = std::get_if<TextMeans>(&key.meaning)) return text->ours;
  return {};
}

}  // namespace

Result<Parsed> parse_nvidia(std::string_view toml, std::string_view origin) {
  const auto vocabulary = their_vocabulary();
  const auto entries = read_document(toml, origin, vocabulary.tables());
  if (!entries) return std::unexpected(entries.error());
  Parsed parsed{.settings = defaults(), .file = std::string(origin)};
  Complaints complaints(origin);
  for (const auto& entry : *entries) {
    const Subject subject{origin, full_name(entry)};
    if (vocabulary.should_be_table(entry)) return wrong_type(entry.value, subject, "a table");
    const auto* key = key_of(entry);
    if (key == nullptr) {
      complaints.add(entry.line, vocabulary.text_of_unknown(entry));
      continue;
    }
    const auto heard = std::visit(Listener{entry.value, subject, parsed.settings}, key->meaning);
    if (!heard) return std::unexpected(heard.error());
    if (const auto* unserved = std::get_if<Unserved>(&*heard)) {
      complaints.add(entry.line, subject.name + " has no effect: " + unserved->instead);
    } else if (std::get<Effect>(*heard) == Effect::Set) {
      const auto [table, name] = ours_of(*key);
      parsed.given.push_back({.table = table, .name = name, .line = entry.line});
    }
  }
  parsed.warnings = std::move(complaints).take();
  return parsed;
}

}  // namespace nvhook::config
