// SPDX-License-Identifier: Apache-2.0
#include "attack/plan_of_run.hpp"

#include <nlohmann/json.hpp>

namespace nvhook::test {

PlanOfRun PlanOfRun::parse(std::string_view text) {
  PlanOfRun plan;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.value("inject", false)) return plan;
  for (const auto& mount : json.at("mounts")) {
    if (mount.at("state") != "mount") continue;
    std::string options;
    for (const auto& option : mount.at("options"))
      options += (options.empty() ? "" : ",") + option.get<std::string>();
    plan.mounts.push_back({mount.at("source"), mount.at("target"), options, mount.at("sealed")});
  }
  for (const auto& link : json.at("symlinks")) {
    std::optional<std::string> replaces;
    if (!link.at("replaces").is_null()) replaces = link.at("replaces").get<std::string>();
    plan.links.push_back({link.at("path"), link.at("target"), replaces});
  }
  for (const auto& file : json.at("files"))
    plan.files.push_back({file.at("path"), file.at("content")});
  if (!json.at("tree").is_null()) plan.tree = json.at("tree").get<std::string>();
  const auto& loader = json.at("ldcache");
  plan.loader.action = loader.at("action").get<std::string>();
  if (!loader.at("path").is_null()) plan.loader.path = loader.at("path").get<std::string>();
  plan.loader.directories = loader.at("directories").get<std::vector<std::string>>();
  for (const auto& device : json.at("devices"))
    plan.device_rules.push_back("c " + std::to_string(device.at("major").get<unsigned>()) + ":" +
                                std::to_string(device.at("minor").get<unsigned>()) + " rw");
  return plan;
}

std::string as_planned(const std::string& name) {
  const auto text =
      nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(text);
}

}  // namespace nvhook::test
