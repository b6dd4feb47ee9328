// SPDX-License-Identifier: Apache-2.0
#include "attack/trial.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace nvhook::test {

namespace fs = std::filesystem;

namespace {

// Whether the loader's file speaks of each directory that it is to find libraries in.
bool has_directories(const fs::path& file, const nlohmann::json& loader) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::ranges::all_of(loader.at("directories"), [&](const auto& directory) {
    return text.str().find(directory.template get<std::string>()) != std::string::npos;
  });
}

}  // namespace

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
  const auto& loader = plan.at("ldcache");
  if (!loader["path"].is_null() &&
      !has_directories(container_->inside(loader["path"].get<std::string>()), loader))
    text += "the loader's file\n";
  return text;
}

}  // namespace nvhook::test
