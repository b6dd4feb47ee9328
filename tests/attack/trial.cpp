// SPDX-License-Identifier: Apache-2.0
#include "attack/trial.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace nvhook::test {

namespace fs = std::filesystem;

Trial::Trial(Tier tier, const std::function<void(FakeRoot&)>& arrange,
             TestContainer::Options container)
    : tier_(tier), options_(std::move(container)) {
  arrange(bundle_.root());
  bundle_.write();
  renew();
}

void Trial::renew() {
  container_.reset();
  container_ = std::make_unique<TestContainer>(bundle_.root().on_disk(), options_);
  before_ = container_->snapshot();
}

Launch Trial::hook(std::vector<std::string> arguments) {
  return {.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, std::move(arguments)),
          .input = container_->state(bundle_.path()),
          .tier = tier_};
}

nlohmann::json Trial::plan() {
  const auto dry_run = launch(hook({"--dry-run", "--format", "json"}));
  return nlohmann::json::parse(dry_run.out);
}

std::string Trial::missing(const nlohmann::json& plan) const {
  const auto mounts = mounts_below(container_->mountinfo(), container_->rootfs());
  std::string text;
  for (const auto& mount : plan.at("mounts")) {
    const auto target = mount["target"].get<std::string>();
    std::string options;
    for (const auto& option : mount["options"])
      options += (options.empty() ? "" : ",") + option.get<std::string>();
    const auto found = std::ranges::find(mounts, target, &MountLine::point);
    if (found == mounts.end() || found->options != options) text += target + "\n";
  }
  for (const auto& link : plan.at("symlinks")) {
    const auto path = link["path"].get<std::string>();
    std::error_code none;
    if (fs::read_symlink(container_->inside(path), none) != link["target"].get<std::string>())
      text += path + "\n";
  }
  for (const auto& device : plan.at("devices")) {
    if (!container_->may_use(device["major"], device["minor"]))
      text += "device " + device["path"].get<std::string>() + "\n";
  }
  return text;
}

}  // namespace nvhook::test
