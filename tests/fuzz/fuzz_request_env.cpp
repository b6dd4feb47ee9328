// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/request/parse.hpp"

namespace {

using namespace nvhook::request;

constexpr std::string_view kMount = "@mount ";
constexpr std::string_view kRules = "@rules ";

struct Input {
  nvhook::oci::Config config;
  Rules rules;
};

// One of Rules for each letter.
Rules rules_of(std::string_view letters) {
  Rules rules;
  rules.accept_environment_when_unprivileged = !letters.contains('e');
  rules.accept_volume_mounts = letters.contains('m');
  if (letters.contains('s')) rules.swarm_resources = {"SWARM_A", "SWARM_B"};
  if (letters.contains('c'))
    rules.supported_capabilities = {nvhook::Capability::Video, nvhook::Capability::Utility};
  rules.disable_require = letters.contains('r');
  rules.ignore_imex_channels = letters.contains('i');
  return rules;
}

// A container, one entry of its environment a line; lines that begin with "@" are its mounts of
// /dev/null, its privileges, and the rules.
Input input_of(std::string_view text) {
  Input input;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    if (line.starts_with(kMount))
      input.config.mounts.push_back({.destination = std::string(line.substr(kMount.size())),
                                     .type = {},
                                     .source = "/dev/null",
                                     .options = {}});
    else if (line.starts_with(kRules))
      input.rules = rules_of(line.substr(kRules.size()));
    else if (line == "@privileged")
      input.config.bounding_capabilities = {"CAP_SYS_ADMIN"};
    else
      input.config.env.emplace_back(line);
  }
  return input;
}

void demand(bool holds) {
  if (!holds) std::abort();
}

// A list of devices is never empty nor longer than what was written; reading its items once more
// gives the same devices.
void check_devices(const Request& request) {
  demand(!request.devices.empty());
  if (const auto* ids = std::get_if<std::vector<GpuId>>(&request.gpus))
    demand(ids->size() == request.devices.size());
  nvhook::oci::Config again;
  again.env = {"NVIDIA_VISIBLE_DEVICES="};
  for (const auto& device : request.devices) again.env.front() += device + ",";
  const auto parsed = parse(again, {});
  demand(parsed && std::get<Request>(parsed->asked).gpus == request.gpus);
}

// Nothing is given that the rules keep back.
void check_rules(const Request& request, const Rules& rules) {
  demand((request.capabilities & rules.supported_capabilities) == request.capabilities);
  demand(request.demands.size() <= kMaxDemands + 1);
  demand(!rules.disable_require || request.demands.empty());
  demand(request.privileged || (!request.mig_config && !request.mig_monitor));
  demand(!rules.ignore_imex_channels || request.imex_channels.empty());
  demand(request.source != Source::VolumeMounts || rules.accept_volume_mounts);
  demand(request.source != Source::Swarm || !rules.swarm_resources.empty());
  if (request.privileged || rules.accept_environment_when_unprivileged) return;
  demand(request.source == Source::VolumeMounts && request.features.empty());
}

void check_channels(const std::vector<std::uint32_t>& channels) {
  demand(std::ranges::is_sorted(channels) &&
         std::ranges::adjacent_find(channels) == channels.end());
  demand(channels.empty() || channels.back() < 1U << 20U);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [config, rules] = input_of({reinterpret_cast<const char*>(data), size});
  const auto parsed = parse(config, rules);
  if (!parsed || !std::holds_alternative<Request>(parsed->asked)) return 0;
  const auto& request = std::get<Request>(parsed->asked);
  check_devices(request);
  check_rules(request, rules);
  check_channels(request.imex_channels);
  return 0;
}
