// SPDX-License-Identifier: Apache-2.0
#include "demands.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "environment.hpp"
#include "legacy_image.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kRequire = "NVIDIA_REQUIRE_";
constexpr std::string_view kRequireJetpack = "NVIDIA_REQUIRE_JETPACK";  // of Tegra, not of drivers
constexpr std::string_view kDisableRequire = "NVIDIA_DISABLE_REQUIRE";

std::unexpected<Error> bad_demand(std::string_view variable, const std::string& why) {
  return bad_value(ErrorId::ReqRequirement, variable, why);
}

// As Go's strconv.ParseBool; anything else is false there, which whoever wrote "yes" should know.
bool is_disabled(Reading& reading) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 7> kFalse = {"", "0", "f", "F", "FALSE", "false", "False"};
  const auto value = value_of(reading.env, kDisableRequire).value_or("");
  if (std::ranges::find(kTrue, value) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, value) == kFalse.end())
    reading.warn(WarningId::ReqIgnored, std::string(kDisableRequire) + " is " + quote(value) +
                                            ", neither true nor false: what the image requires is "
                                            "checked (1 or true disables that)");
  return false;
}

}  // namespace

Result<std::vector<Demand>> parse_demands(Reading& reading) {
  std::vector<Demand> demands;
  if (reading.rules.disable_require || is_disabled(reading)) return demands;
  for (const std::string_view entry : reading.env) {
    const auto name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kRequire) || name.starts_with(kRequireJetpack)) continue;
    if (std::ranges::find(demands, name, &Demand::variable) != demands.end()) continue;
    const auto value = value_of(reading.env, name).value_or("");
    if (value.size() > kMaxValue)
      return bad_demand(name, "longer than " + std::to_string(kMaxValue) + " bytes");
    if (demands.size() == kMaxDemands)
      return bad_demand(name,
                        "there are more than " + std::to_string(kMaxDemands) + " such variables");
    demands.push_back({std::string(name), std::string(value)});
  }
  if (const auto version = legacy_cuda_version(reading.env)) {
    auto demand = demand_of_legacy_image(*version);
    if (!demand) return std::unexpected(std::move(demand).error());
    demands.push_back(std::move(*demand));
  }
  std::erase_if(demands, [](const Demand& demand) { return trimmed(demand.requirement).empty(); });
  return demands;
}

}  // namespace nvhook::request
