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
constexpr std::string_view kRequire = "NVIDIA_REQUIRE_";
constexpr std::string_view kRequireCuda = "NVIDIA_REQUIRE_CUDA";
constexpr std::string_view kRequireJetpack = "NVIDIA_REQUIRE_JETPACK";  // of Tegra, not of drivers
constexpr std::string_view kDisableRequire = "NVIDIA_DISABLE_REQUIRE";
constexpr std::string_view kCudaVersion = "CUDA_VERSION";

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

// Whole, or the beginning with one digit at least.
std::optional<GpuUuid> as_uuid(std::string_view item) {
  constexpr std::string_view kForm = "gpu-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  constexpr std::size_t kShortest = 5;
  if (item.size() < kShortest || item.size() > kForm.size()) return std::nullopt;
  auto text = in_lower_case(item);
  for (std::size_t i = 0; i < text.size(); ++i)
    if (kForm[i] == 'x' ? !kHexDigits.contains(text[i]) : text[i] != kForm[i]) return std::nullopt;
  return GpuUuid{"GPU-" + text.substr(4)};
}

// A hexadecimal number of so many digits at most.
std::optional<std::uint32_t> as_hex(std::string_view text, std::size_t most_digits) {
  std::uint32_t number = 0;
  const auto* const end = text.data() + text.size();
  if (text.size() > most_digits) return std::nullopt;
  const auto [stop, problem] = std::from_chars(text.data(), end, number, 16);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<GpuId> as_gpu(std::string_view item) {
  if (const auto index = as_index(item)) return *index;
  if (auto uuid = as_uuid(item)) return *std::move(uuid);
  if (const auto bus = parse_bus(item)) return *bus;
  return std::nullopt;
}

// "0:1" and "MIG-...": a part of a GPU. Source: libnvidia-container, src/cli/common.c.
bool names_mig_device(std::string_view item) {
  if (in_lower_case(item.substr(0, 4)) == "mig-") return true;
  const auto colon = item.find(':');
  return colon != item.npos && as_index(item.substr(0, colon)) && as_index(item.substr(colon + 1));
}

// "vendor.com/class=name".
bool names_cdi_device(std::string_view item) {
  const auto slash = item.find('/');
  return slash != item.npos && item.find('=', slash) != item.npos;
}

std::string advice_about(std::string_view item) {
  if (names_mig_device(item))
    return " names a MIG device, which this version of nvhook does not give: ask for the whole GPU";
  if (names_cdi_device(item))
    return " is a CDI device, which the engine has to resolve and not a hook (podman --device, "
           "docker --device)";
  return " names no GPU: all, none, void, an index such as 0, a UUID "
         "(GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx) or its beginning, or a PCI address such as "
         "0000:65:00.0 is due";
}

std::unexpected<Error> bad_devices(std::string why) {
  return failure(ErrorId::ReqDevice, std::string(kDevices) + ": " + std::move(why));
}

struct Selection {
  std::vector<std::string> devices;
  GpuSelection gpus;
  Source source = Source::Environment;
};

// CUDA_VERSION of an image from before images said what they require; nothing if it is none.
std::optional<std::string_view> legacy_cuda_version(const std::vector<std::string>& env) {
  const auto version = value_of(env, kCudaVersion);
  if (!version || version->empty() || !value_of(env, kRequireCuda).value_or("").empty())
    return std::nullopt;
  return version;
}

Result<Selection> selected_gpus(const std::vector<std::string_view>& items) {
  Selection selection;
  std::vector<GpuId> gpus;
  std::set<GpuId> seen;
  for (const auto item : items) {
    auto gpu = as_gpu(item);
    if (!gpu) return bad_devices(quote(item) + advice_about(item));
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
  if (!value && legacy_cuda_version(env)) return Selection{{"all"}, AllGpus{}, Source::LegacyImage};
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
  if (!value_of(env, kCapabilities) && legacy_cuda_version(env)) return Capabilities::all();
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

std::unexpected<Error> bad_demand(std::string_view variable, const std::string& why) {
  return failure(ErrorId::ReqRequirement, quote(variable) + ": " + why);
}

// As Go's strconv.ParseBool; anything else is false.
bool is_true(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "TRUE", "true", "True"};
  return std::ranges::find(kTrue, text) != kTrue.end();
}

// "cuda>=12.4" of "12.4.1".
Result<Demand> demand_of_legacy_image(std::string_view version) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto major_end = std::ranges::find_if_not(version, is_digit);
  std::string text(version.begin(), major_end);
  if (text.empty()) return bad_demand(kCudaVersion, quote(version) + " is no version");
  if (major_end != version.end() && *major_end == '.') {
    const auto minor_end = std::find_if_not(major_end + 1, version.end(), is_digit);
    if (minor_end != major_end + 1) text.append(major_end, minor_end);
  }
  return Demand{std::string(kCudaVersion), "cuda>=" + text};
}

Result<std::vector<Demand>> parse_demands(const std::vector<std::string>& env) {
  std::vector<Demand> demands;
  if (is_true(value_of(env, kDisableRequire).value_or(""))) return demands;
  for (const std::string_view entry : env) {
    const auto name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kRequire) || name.starts_with(kRequireJetpack)) continue;
    if (std::ranges::find(demands, name, &Demand::variable) != demands.end()) continue;
    const auto value = value_of(env, name).value_or("");
    if (value.size() > kMaxValue)
      return bad_demand(name, "longer than " + std::to_string(kMaxValue) + " bytes");
    if (demands.size() == kMaxDemands)
      return bad_demand(name,
                        "there are more than " + std::to_string(kMaxDemands) + " such variables");
    demands.push_back({std::string(name), std::string(value)});
  }
  if (const auto version = legacy_cuda_version(env)) {
    auto demand = demand_of_legacy_image(*version);
    if (!demand) return std::unexpected(std::move(demand).error());
    demands.push_back(std::move(*demand));
  }
  std::erase_if(demands, [](const Demand& demand) { return trimmed(demand.requirement).empty(); });
  return demands;
}

}  // namespace

std::optional<GpuBus> parse_bus(std::string_view text) {
  const auto dot = text.find('.');
  if (dot != text.npos && as_hex(text.substr(dot + 1), 1) != 0U) return std::nullopt;
  text = text.substr(0, dot);
  const auto last = text.rfind(':');
  if (last == text.npos) return std::nullopt;
  const auto device = as_hex(text.substr(last + 1), 2);
  text = text.substr(0, last);
  const auto first = text.rfind(':');
  if (first == text.npos && dot == text.npos) return std::nullopt;  // "0:1" is another thing
  const auto bus = as_hex(text.substr(first == text.npos ? 0 : first + 1), 2);
  const auto domain =
      first == text.npos ? std::optional<std::uint32_t>(0) : as_hex(text.substr(0, first), 8);
  if (!device || !bus || !domain) return std::nullopt;
  return GpuBus{.domain = *domain, .bus = *bus, .device = *device};
}

Result<std::variant<NothingAsked, Request>> parse(const std::vector<std::string>& env) {
  auto devices = parse_devices(env);
  if (!devices) return std::unexpected(std::move(devices).error());
  if (auto* nothing = std::get_if<NothingAsked>(&*devices)) return std::move(*nothing);
  auto capabilities = parse_capabilities(env);
  if (!capabilities) return std::unexpected(std::move(capabilities).error());

  auto demands = parse_demands(env);
  if (!demands) return std::unexpected(std::move(demands).error());

  auto& selection = std::get<Selection>(*devices);
  return Request{.devices = std::move(selection.devices),
                 .source = selection.source,
                 .gpus = std::move(selection.gpus),
                 .capabilities = *capabilities,
                 .demands = std::move(*demands)};
}

std::string_view name_of(Source source) {
  switch (source) {
    case Source::Environment:
      return "environment";
    case Source::LegacyImage:
      return "legacy-image";
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace nvhook::request
