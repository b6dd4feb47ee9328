// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "nvhook/base/unique_fd.hpp"
#include "nvhook/config/load.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook {
namespace {

// Where settings may be, whichever of them counts.
constexpr std::array kUsualFiles = {config::kDefaultFile};

// Whether the key may be in the file: its word is, or an escape that could hide that.
bool may_name_variables(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return false;
  const auto text = files::read_all(fd.get(), config::kMaxConfigFile);
  return text && (text->contains("swarm") || text->contains("\\u") || text->contains("\\U"));
}

bool may_name_variables(const std::optional<std::string>& config_file) {
  if (config_file) return may_name_variables(*config_file);
  return std::ranges::any_of(kUsualFiles,
                             [](auto file) { return may_name_variables(std::string(file)); });
}

}  // namespace

request::Rules rules_of(const config::Settings& /*settings*/) { return {}; }

Result<std::vector<std::string>> further_names(const std::optional<std::string>& config_file) {
  if (!may_name_variables(config_file)) return {};
  const auto parsed = config::load(config_file);
  if (!parsed) return std::unexpected(parsed.error());
  return rules_of(parsed->settings).swarm_resources;
}

}  // namespace nvhook
