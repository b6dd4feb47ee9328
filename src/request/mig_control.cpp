// SPDX-License-Identifier: Apache-2.0
#include "mig_control.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "environment.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

bool is_mig_device(const GpuId& id) {
  return std::holds_alternative<MigIndex>(id) || std::holds_alternative<MigUuid>(id) ||
         std::holds_alternative<MigInstance>(id);
}

bool selects_mig_devices(const GpuSelection& gpus) {
  const auto* ids = std::get_if<std::vector<GpuId>>(&gpus);
  return ids != nullptr && std::ranges::any_of(*ids, is_mig_device);
}

// Whether the variable asks for its power over all MIG devices.
Result<bool> asks(const Reading& reading, std::string_view variable, const GpuSelection& gpus) {
  const auto value = trimmed(value_of(reading.env, variable).value_or(""));
  if (value.empty()) return false;
  const auto refuse = [&](const std::string& why) {
    return bad_value(ErrorId::ReqMig, variable, why);
  };
  if (value != "all") return refuse(quote(value) + " is not supported, only all is");
  if (!reading.privileged)
    return refuse(
        "is for privileged containers only: this one has no CAP_SYS_ADMIN in its bounding set");
  if (selects_mig_devices(gpus))
    return refuse(
        "concerns all MIG devices, and the container asks for single ones: ask for whole "
        "GPUs, or unset it");
  return true;
}

}  // namespace

Result<MigControl> parse_mig_control(const Reading& reading, const GpuSelection& gpus) {
  const auto config = asks(reading, "NVIDIA_MIG_CONFIG_DEVICES", gpus);
  if (!config) return std::unexpected(config.error());
  const auto monitor = asks(reading, "NVIDIA_MIG_MONITOR_DEVICES", gpus);
  if (!monitor) return std::unexpected(monitor.error());
  return MigControl{.config = *config, .monitor = *monitor};
}

}  // namespace nvhook::request
