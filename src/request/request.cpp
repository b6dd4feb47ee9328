// SPDX-License-Identifier: Apache-2.0
#include "nvhook/request/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kDevices = "NVIDIA_VISIBLE_DEVICES";
constexpr std::string_view kCapabilities = "NVIDIA_DRIVER_CAPABILITIES";

// Far beyond any machine; they bound the time that an image's environment can cost.
constexpr std::size_t kMaxItems = 4096;
constexpr std::size_t kMaxValue = std::size_t{256} << 10U;  // bytes: kMaxItems UUIDs fit

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

// The items between commas, without blanks around them and without empty ones.
std::vector<std::string_view> items_of(std::string_view list) {
  std::vector<std::string_view> items;
  for (;;) {
    const auto comma = list.find(',');
    if (const auto item = trimmed(list.substr(0, comma)); !item.empty()) items.push_back(item);
    if (comma == list.npos) return items;
    list.remove_prefix(comma + 1);
  }
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

// "all" in any case, for it reached the driver's own tool in any case; "none" and "void" never did.
bool means_all(std::string_view item) { return in_lower_case(item) == "all"; }
bool is_special(std::string_view item) {
  return item == "none" || item == "void" || (item.size() == 3 && means_all(item));
}

std::optional<GpuIndex> as_index(std::string_view item) {
  GpuIndex index;
  // No sign and no prefix for an unsigned number: std::from_chars.
  const auto [stop, problem] = std::from_chars(item.data(), item.data() + item.size(), index.index);
  if (problem != std::errc() || stop != item.data() + item.size()) return std::nullopt;
  return index;
}

std::optional<GpuUuid> as_uuid(std::string_view item) {
  constexpr std::string_view kForm = "gpu-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  if (item.size() != kForm.size()) return std::nullopt;
  auto text = in_lower_case(item);
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == 'x' ? !kHexDigits.contains(text[i]) : text[i] != kForm[i]) return std::nullopt;
  return GpuUuid{"GPU-" + text.substr(4)};
}

std::optional<GpuId> as_gpu(std::string_view item) {
  if (const auto index = as_index(item)) return *index;
  if (auto uuid = as_uuid(item)) return *std::move(uuid);
  return std::nullopt;
}

std::unexpected<Error> bad_devices(std::string why) {
  return failure(ErrorId::ReqDevice, std::string(kDevices) + ": " + std::move(why));
}

struct Selection {
  std::vector<std::string> devices;
  GpuSelection gpus;
};

Result<Selection> selected_gpus(const std::vector<std::string_view>& items) {
  Selection selection;
  std::vector<GpuId> gpus;
  std::set<GpuId> seen;
  for (const auto item : items) {
    auto gpu = as_gpu(item);
    if (!gpu)
      return bad_devices(quote(item) +
                         " names no GPU: all, none, void, an index such as 0, or a whole UUID "
                         "(GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx) is due");
    if (!seen.insert(*gpu).second) continue;
    selection.devices.emplace_back(item);
    gpus.push_back(*std::move(gpu));
  }
  selection.gpus = std::move(gpus);
  return selection;
}

Result<std::variant<NothingAsked, Selection>> parse_devices(const std::vector<std::string>& env) {
  const auto nothing = [](std::string_view why) {
    return NothingAsked{std::string(kDevices) + " is " + std::string(why)};
  };
  const auto value = value_of(env, kDevices);
  if (!value) return nothing("not set");
  if (value->size() > kMaxValue)
    return bad_devices("longer than " + std::to_string(kMaxValue) + " bytes");
  const auto items = items_of(*value);
  if (items.empty()) return nothing("empty");
  if (items.size() > kMaxItems)
    return bad_devices("more than " + std::to_string(kMaxItems) + " items");

  // The first word decides for the whole list; what else it names is not even looked at.
  const auto word = std::ranges::find_if(items, is_special);
  if (word == items.end()) {
    auto selection = selected_gpus(items);
    if (!selection) return std::unexpected(std::move(selection).error());
    return *std::move(selection);
  }
  if (*word == "void") return nothing("void");
  if (*word == "none") return Selection{{std::string(*word)}, NoGpus{}};
  return Selection{{std::string(*word)}, AllGpus{}};
}

Result<Capabilities> parse_capabilities(const std::vector<std::string>& env) {
  constexpr Capabilities kUsual = {Capability::Utility, Capability::Compute};
  const auto value = value_of(env, kCapabilities).value_or("");
  if (value.size() > kMaxValue)
    return failure(ErrorId::ReqCapability, std::string(kCapabilities) + ": longer than " +
                                               std::to_string(kMaxValue) + " bytes");
  const auto items = items_of(value);
  if (items.empty()) return kUsual;
  if (std::ranges::find(items, "all") != items.end()) return Capabilities::all();

  Capabilities asked;
  for (const auto item : items) {
    const auto capability = capability_named(item);
    if (!capability) {
      std::string allowed = "all";
      for (const auto known : kAllCapabilities) allowed += ", " + std::string(name_of(known));
      return failure(ErrorId::ReqCapability,
                     std::string(kCapabilities) + ": " + quote(item) + " is none of " + allowed);
    }
    asked.add(*capability);
  }
  return asked;
}

}  // namespace

Result<std::variant<NothingAsked, Request>> parse(const std::vector<std::string>& env) {
  auto devices = parse_devices(env);
  if (!devices) return std::unexpected(std::move(devices).error());
  if (auto* nothing = std::get_if<NothingAsked>(&*devices)) return std::move(*nothing);
  auto capabilities = parse_capabilities(env);
  if (!capabilities) return std::unexpected(std::move(capabilities).error());

  auto& selection = std::get<Selection>(*devices);
  return Request{.devices = std::move(selection.devices),
                 .source = Source::Environment,
                 .gpus = std::move(selection.gpus),
                 .capabilities = *capabilities};
}

std::string_view name_of(Source source) {
  switch (source) {
    case Source::Environment:
      return "environment";
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace nvhook::request
