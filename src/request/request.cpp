// SPDX-License-Identifier: Apache-2.0
#include "nvhook/request/request.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "capabilities.hpp"
#include "demands.hpp"
#include "devices.hpp"
#include "features.hpp"
#include "imex.hpp"
#include "mig_control.hpp"
#include "mounts.hpp"
#include "nvhook/request/parse.hpp"
#include "reading.hpp"

namespace nvhook::request {
namespace {

// What a container with all powers has; nothing else of it is looked at. Spelled as the runtime
// specification does.
bool is_privileged(const oci::Config& config) {
  return std::ranges::find(config.bounding_capabilities, "CAP_SYS_ADMIN") !=
         config.bounding_capabilities.end();
}

Result<std::variant<NothingAsked, Request>> read(Reading& reading) {
  auto devices = parse_devices(reading);
  if (!devices) return std::unexpected(std::move(devices).error());
  if (auto* nothing = std::get_if<NothingAsked>(&*devices)) return std::move(*nothing);
  auto& selection = std::get<Selection>(*devices);
  const auto capabilities = parse_capabilities(reading);
  if (!capabilities) return std::unexpected(capabilities.error());
  auto demands = parse_demands(reading);
  if (!demands) return std::unexpected(std::move(demands).error());
  const auto mig = parse_mig_control(reading, selection.gpus);
  if (!mig) return std::unexpected(mig.error());
  auto channels = parse_imex_channels(reading);
  if (!channels) return std::unexpected(std::move(channels).error());
  return Request{.devices = std::move(selection.devices),
                 .source = selection.source,
                 .gpus = std::move(selection.gpus),
                 .capabilities = *capabilities,
                 .demands = std::move(*demands),
                 .privileged = reading.privileged,
                 .mig_config = mig->config,
                 .mig_monitor = mig->monitor,
                 .imex_channels = std::move(*channels),
                 .features = parse_features(reading)};
}

}  // namespace

Result<Parsed> parse(const oci::Config& config, const Rules& rules) {
  Reading reading{.env = config.env, .rules = rules, .privileged = is_privileged(config)};
  if (rules.accept_volume_mounts) reading.mounts = requests_of(config.mounts, reading.warnings);
  auto asked = read(reading);
  if (!asked) return std::unexpected(std::move(asked).error());
  return Parsed{.asked = std::move(*asked), .warnings = std::move(reading.warnings)};
}

std::string_view name_of(Source source) {
  switch (source) {
    case Source::Environment:
      return "environment";
    case Source::LegacyImage:
      return "legacy-image";
    case Source::VolumeMounts:
      return "volume-mounts";
    case Source::Swarm:
      return "swarm";
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace nvhook::request
