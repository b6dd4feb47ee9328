// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "rest/arguments.hpp"
#include "rest/json_writer.hpp"
#include "rest/safe_text.hpp"

namespace nvhook::rest {
namespace {

// The plugin's name, as Docker knows it.
constexpr std::string_view kVolumeDriver = "nvidia-docker";

std::string driver_of(const Facts& facts) {
  return facts.nvml.driver ? *facts.nvml.driver : facts.driver_version;
}

Answered<std::vector<std::string>> devices_of(const Facts& facts, std::string_view dev) {
  const auto chosen = choose_gpus(dev, facts.nvml.gpus);
  if (!chosen) return std::unexpected(chosen.error());
  std::vector<std::string> devices = {"/dev/nvidiactl", "/dev/nvidia-uvm"};
  if (facts.uvm_tools) devices.emplace_back("/dev/nvidia-uvm-tools");
  for (const auto i : *chosen) {
    if (const auto& minor = facts.nvml.gpus[i].minor)
      devices.push_back("/dev/nvidia" + std::to_string(*minor));
    else if (!asks_for_all(dev))
      return std::unexpected(Failure{"NVML does not say which node GPU " + std::to_string(i) +
                                     " has; see what nvidia-smi says on this host"});
  }
  return devices;
}

}  // namespace

Answered<DockerArguments> docker_arguments(const Facts& facts, std::string_view query) {
  const auto [dev, vol] = parse_query(query);
  auto devices = devices_of(facts, dev);
  if (!devices) return std::unexpected(std::move(devices).error());
  const auto volumes = count_volumes(vol);
  if (!volumes) return std::unexpected(volumes.error());
  const auto version = driver_of(facts);
  if (version.empty()) return std::unexpected(Failure{"the driver's version is not known"});
  const auto volume = "nvidia_driver_" + version + ":/usr/local/nvidia:ro";
  if (!is_safe(volume))
    return std::unexpected(
        Failure{"the driver's version " + quote(version) + " has no place on a command line"});
  return DockerArguments{.volumes = std::vector(*volumes, volume), .devices = std::move(*devices)};
}

std::string docker_text(const DockerArguments& arguments) {
  auto text = "--volume-driver=" + std::string(kVolumeDriver);
  for (const auto& volume : arguments.volumes) text += " --volume=" + volume;
  for (const auto& device : arguments.devices) text += " --device=" + device;
  return text;
}

std::string docker_json(const DockerArguments& arguments) {
  JsonWriter json;
  const auto list = [&json](std::string_view name, const std::vector<std::string>& texts) {
    json.key(name);
    json.begin_array();
    for (const auto& text : texts) json.value(text);
    json.end_array();
  };
  json.begin_object();
  json.member("VolumeDriver", kVolumeDriver);
  list("Volumes", arguments.volumes);
  list("Devices", arguments.devices);
  json.end_object();
  return std::move(json).take();
}

}  // namespace nvhook::rest
