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

// Where settings may be.
constexpr std::array kUsualFiles = {config::kDefaultFile, config::kNvidiaFile};

// Whether a line has the key, or an escape that could hide it. Comments do not count: both nvhook's
// example and what NVIDIA's packages install have the key in one. No line with a key begins as one.
bool may_have_key(std::string_view toml) {
  while (!toml.empty()) {
    const auto line = toml.substr(0, toml.find('\n'));
    toml.remove_prefix(std::min(line.size() + 1, toml.size()));
    const auto first = line.find_first_not_of(" \t");
    if (first == line.npos || line[first] == '#') continue;
    for (const std::string_view sign : {"swarm", "\\u", "\\U"})
      if (line.contains(sign)) return true;
  }
  return false;
}

// Nothing for a file that is not there.
std::optional<bool> may_name_variables(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  const auto text = files::read_all(fd.get(), config::kMaxConfigFile);
  return text && may_have_key(*text);
}

// The first file that there is counts, alone.
bool may_name_variables(const std::optional<std::string>& config_file) {
  if (config_file) return may_name_variables(*config_file).value_or(false);
  for (const auto file : kUsualFiles)
    if (const auto may = may_name_variables(std::string(file))) return *may;
  return false;
}

}  // namespace

request::Rules rules_of(const config::Settings& settings) {
  const auto& requests = settings.requests;
  return {.accept_environment_when_unprivileged = requests.accept_environment_when_unprivileged,
          .accept_volume_mounts = requests.accept_volume_mounts,
          .swarm_resources = requests.swarm_resources,
          .supported_capabilities = requests.supported_capabilities,
          .disable_require = requests.disable_require,
          .ignore_imex_channels = requests.ignore_imex_channels};
}

Result<std::vector<std::string>> further_names(const std::optional<std::string>& config_file) {
  if (!may_name_variables(config_file)) return {};
  const auto parsed = config::load(config_file);
  if (!parsed) return std::unexpected(parsed.error());
  return rules_of(parsed->settings).swarm_resources;
}

}  // namespace nvhook
