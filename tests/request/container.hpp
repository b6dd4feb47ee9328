// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nvhook/oci/config.hpp"
#include "nvhook/request/parse.hpp"

// Containers as config.json describes them, for tests of what they ask for.
namespace nvhook::request {

inline oci::Config with_env(std::vector<std::string> env) {
  oci::Config config;
  config.env = std::move(env);
  return config;
}

inline oci::Config privileged(oci::Config config) {
  config.bounding_capabilities = {"CAP_CHOWN", "CAP_SYS_ADMIN"};
  return config;
}

// As a device plugin of Kubernetes writes it.
inline oci::Mount device_mount(const std::string& asked, std::string source = "/dev/null") {
  return {.destination = "/var/run/nvidia-container-devices/" + asked,
          .type = "bind",
          .source = std::move(source),
          .options = {"ro", "bind"}};
}

inline oci::Config with_mounts(const std::vector<std::string>& asked,
                               std::vector<std::string> env = {}) {
  auto config = with_env(std::move(env));
  for (const auto& one : asked) config.mounts.push_back(device_mount(one));
  return config;
}

inline Rules accepting_mounts() { return {.accept_volume_mounts = true}; }
inline Rules trusting_privileged_only() { return {.accept_environment_when_unprivileged = false}; }
// What administrators of Kubernetes are advised to set.
inline Rules trusting_mounts_only() {
  return {.accept_environment_when_unprivileged = false, .accept_volume_mounts = true};
}

inline std::vector<WarningId> ids_of(const std::vector<Warning>& warnings) {
  std::vector<WarningId> ids;
  ids.reserve(warnings.size());
  for (const auto& warning : warnings) ids.push_back(warning.id);
  return ids;
}

}  // namespace nvhook::request
