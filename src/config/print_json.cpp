// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "keys.hpp"
#include "nvhook/config/print.hpp"
#include "origin.hpp"

namespace nvhook::config {
namespace {

using Json = nlohmann::ordered_json;

// The value of a key, by what it is.
struct Converter {
  Settings& settings;

  Json operator()(FlagOf of) const { return of(settings); }
  Json operator()(const PathOf& path) const { return path.of(settings); }
  Json operator()(const PathsOf& paths) const { return paths.of(settings); }
  Json operator()(const NamesOf& names) const { return names.of(settings); }
  Json operator()(const AddressOf& address) const { return address.of(settings); }
  Json operator()(const HostsOf& hosts) const { return hosts.of(settings); }
  Json operator()(CapabilitiesOf of) const {
    auto names = Json::array();
    for (const auto capability : kAllCapabilities)
      if (of(settings).contains(capability)) names.push_back(name_of(capability));
    return names;
  }
  Json operator()(SecondsOf of) const {
    const auto time = of(settings).count();
    return time % 1000 == 0 ? Json(time / 1000) : Json(static_cast<double>(time) / 1000);
  }
  Json operator()(const WordOf& word) const { return word.words[word.kept(settings)]; }
};

Json origin_of(const Key& key, const Parsed& effective) {
  const auto* giver = giver_of(key, effective);
  const bool by_option = giver != nullptr && !giver->option.empty();
  const bool by_file = giver != nullptr && !by_option;
  return {{"from", by_option ? "option"
                   : by_file ? "file"
                             : "default"},
          {"file", by_file ? Json(effective.file) : Json(nullptr)},
          {"line", by_file ? Json(giver->line) : Json(nullptr)},
          {"option", by_option ? Json(giver->option) : Json(nullptr)}};
}

}  // namespace

std::string to_json(const Parsed& effective) {
  auto settings = effective.settings;
  Json document = {{"schema", "nvhook.config/1"},
                   {"file", effective.file.empty() ? Json(nullptr) : Json(effective.file)},
                   {"settings", Json::array()},
                   {"warnings", Json::array()}};
  for (const auto& key : all_keys())
    document["settings"].push_back({{"table", key.table},
                                    {"key", key.name},
                                    {"value", std::visit(Converter{settings}, key.place)},
                                    {"origin", origin_of(key, effective)}});
  for (const auto& warning : effective.warnings)
    document["warnings"].push_back({{"id", name_of(warning.id)}, {"text", warning.text}});
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nvhook::config
