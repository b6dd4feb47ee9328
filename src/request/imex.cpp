// SPDX-License-Identifier: Apache-2.0
#include "imex.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "environment.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kImexVariable = "NVIDIA_IMEX_CHANNELS";

Result<std::vector<std::uint32_t>> channels_of(const auto& items, std::string_view where) {
  std::vector<std::uint32_t> channels;
  for (const std::string_view item : items) {
    const auto channel = as_number(item);
    if (!channel || *channel >= kImexChannels)
      return bad_value(ErrorId::ReqImex, where,
                       quote(item) + " is no IMEX channel: a number from 0 to " +
                           std::to_string(kImexChannels - 1) + " is due");
    channels.push_back(*channel);
  }
  std::ranges::sort(channels);
  const auto repeated = std::ranges::unique(channels);
  channels.erase(repeated.begin(), repeated.end());
  return channels;
}

}  // namespace

Result<std::vector<std::uint32_t>> parse_imex_channels(Reading& reading) {
  if (reading.rules.ignore_imex_channels) return {};
  if (!reading.mounts.imex_channels.empty())
    return channels_of(reading.mounts.imex_channels, std::string(kDeviceMounts) + "/imex");
  const auto value = value_of(reading.env, kImexVariable).value_or("");
  const auto items = bounded_items(ErrorId::ReqImex, kImexVariable, value);
  if (!items) return std::unexpected(items.error());
  if (items->empty()) return {};
  if (!reading.trusts_environment()) {
    reading.warn_of_distrust(kImexVariable, "IMEX channels");
    return {};
  }
  // Images say so without knowing of any: no one gets every channel by that.
  if (items->size() == 1 && items->front() == "all") {
    reading.warn(WarningId::ReqIgnored, std::string(kImexVariable) +
                                            " is all, which stands for no channel; name channels "
                                            "by their numbers");
    return {};
  }
  return channels_of(*items, kImexVariable);
}

}  // namespace nvhook::request
