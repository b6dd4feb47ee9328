// SPDX-License-Identifier: Apache-2.0
#include "capabilities.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "environment.hpp"
#include "legacy_image.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kCapabilities = "NVIDIA_DRIVER_CAPABILITIES";
constexpr Capabilities kUsual = {Capability::Utility, Capability::Compute};

std::unexpected<Error> not_allowed(std::string_view item, Capabilities supported) {
  std::string allowed = "all";
  for (const auto known : kAllCapabilities)
    if (supported.contains(known)) allowed += ", " + std::string(name_of(known));
  auto why = quote(item) + " is none of " + allowed;
  if (capability_named(item)) why += ", which nvhook's settings support";
  return bad_value(ErrorId::ReqCapability, kCapabilities, why);
}

}  // namespace

Result<Capabilities> parse_capabilities(const Reading& reading) {
  const auto supported = reading.rules.supported_capabilities;
  const auto value = value_of(reading.env, kCapabilities);
  if (!value && legacy_cuda_version(reading.env)) return supported;
  const auto items = bounded_items(ErrorId::ReqCapability, kCapabilities, value.value_or(""));
  if (!items) return std::unexpected(items.error());
  if (items->empty()) return kUsual & supported;
  if (std::ranges::find(*items, "all") != items->end()) return supported;

  Capabilities asked;
  for (const auto item : *items) {
    const auto capability = capability_named(item);
    if (!capability || !supported.contains(*capability)) return not_allowed(item, supported);
    asked.add(*capability);
  }
  return asked;
}

}  // namespace nvhook::request
