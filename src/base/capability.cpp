// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/capability.hpp"

#include <utility>

namespace nvhook {
namespace {

constexpr std::array<std::string_view, kAllCapabilities.size()> kNames = {
    "compute", "compat32", "graphics", "utility", "video", "display", "ngx"};

}  // namespace

std::string_view name_of(Capability capability) { return kNames[std::to_underlying(capability)]; }

std::optional<Capability> capability_named(std::string_view name) {
  for (const auto capability : kAllCapabilities)
    if (name_of(capability) == name) return capability;
  return std::nullopt;
}

}  // namespace nvhook
