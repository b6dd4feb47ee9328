// SPDX-License-Identifier: Apache-2.0
#include "devices.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "device_id.hpp"
#include "environment.hpp"
#include "legacy_image.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kDevices = "NVIDIA_VISIBLE_DEVICES";

using Answer = std::variant<NothingAsked, Selection>;

Result<Answer> as_answer(Result<Selection> selection) {
  if (!selection) return std::unexpected(std::move(selection).error());
  return *std::move(selection);
}

// A variable that is set, and what it lists.
struct Variable {
  std::string_view name;
  std::string_view value;
};

// Those that count: the named ones of Swarm that are set, else the usual one.
std::vector<Variable> variables_of(const Reading& reading) {
  std::vector<Variable> variables;
  for (const std::string_view name : reading.rules.swarm_resources)
    if (const auto value = value_of(reading.env, name)) variables.push_back({name, *value});
  if (!variables.empty()) return variables;
  if (const auto value = value_of(reading.env, kDevices)) variables.push_back({kDevices, *value});
  return variables;
}

// "NVIDIA_VISIBLE_DEVICES", or the names of several.
std::string names_of(const std::vector<Variable>& variables) {
  std::string names;
  for (const auto& variable : variables)
    names.append(names.empty() ? "" : ", ").append(variable.name);
  return names;
}

// An item, and where it stands.
struct Item {
  std::string_view where;
  std::string_view text;
};

// Each device once.
Result<Selection> select(const std::vector<Item>& items, std::string_view words, Source source) {
  Selection selection{.devices = {}, .gpus = {}, .source = source};
  std::vector<GpuId> gpus;
  std::set<GpuId> seen;
  for (const auto& [where, text] : items) {
    auto gpu = parse_device(where, words, text);
    if (!gpu) return std::unexpected(std::move(gpu).error());
    if (!seen.insert(*gpu).second) continue;
    selection.devices.emplace_back(text);
    gpus.push_back(*std::move(gpu));
  }
  selection.gpus = std::move(gpus);
  return selection;
}

// No word has a meaning there but "all".
Result<Selection> select_by_mounts(const std::vector<std::string>& devices) {
  const auto all = std::ranges::find_if(devices, means_all);
  if (all != devices.end()) return Selection{{*all}, AllGpus{}, Source::VolumeMounts};
  if (devices.size() > kMaxItems)
    return bad_value(ErrorId::ReqDevice, kDeviceMounts,
                     "more than " + std::to_string(kMaxItems) + " mounts");
  std::vector<Item> items;
  items.reserve(devices.size());
  for (const auto& device : devices) items.push_back({kDeviceMounts, device});
  return select(items, "all", Source::VolumeMounts);
}

Result<std::vector<Item>> items_of(const std::vector<Variable>& variables) {
  std::vector<Item> items;
  for (const auto& [name, value] : variables) {
    const auto texts = bounded_items(ErrorId::ReqDevice, name, value);
    if (!texts) return std::unexpected(texts.error());
    for (const auto text : *texts) items.push_back({name, text});
  }
  if (items.size() > kMaxItems)
    return bad_value(ErrorId::ReqDevice, names_of(variables),
                     "more than " + std::to_string(kMaxItems) + " items");
  return items;
}

// The first word decides for the whole list; what else it names is not even looked at.
Result<Selection> select_by_items(const std::vector<Item>& items, Source source) {
  const auto word = std::ranges::find_if(
      items, [](const Item& item) { return item.text == "none" || means_all(item.text); });
  if (word == items.end()) return select(items, "all, none, void", source);
  Selection selection{.devices = {std::string(word->text)}, .gpus = AllGpus{}, .source = source};
  if (word->text == "none") selection.gpus = NoGpus{};
  return selection;
}

Answer not_accepted(Reading& reading, const std::string& by) {
  reading.warn_of_distrust(by, "GPUs");
  return NothingAsked{by + " is not accepted from an unprivileged container"};
}

}  // namespace

Result<Answer> parse_devices(Reading& reading) {
  if (!reading.mounts.devices.empty()) return as_answer(select_by_mounts(reading.mounts.devices));
  const auto variables = variables_of(reading);
  const bool legacy = variables.empty() && legacy_cuda_version(reading.env);
  if (variables.empty() && !legacy) return NothingAsked{std::string(kDevices) + " is not set"};

  const auto items = items_of(variables);
  if (!items) return std::unexpected(items.error());
  if (!legacy && items->empty()) return NothingAsked{names_of(variables) + " is empty"};
  if (std::ranges::find(*items, "void", &Item::text) != items->end())
    return NothingAsked{names_of(variables) + " is void"};

  if (!reading.trusts_environment())
    return not_accepted(reading, legacy ? std::string(kCudaVersion) : names_of(variables));
  if (legacy) return Selection{{"all"}, AllGpus{}, Source::LegacyImage};
  return as_answer(select_by_items(
      *items, variables.front().name == kDevices ? Source::Environment : Source::Swarm));
}

}  // namespace nvhook::request
