// SPDX-License-Identifier: Apache-2.0
#include "rest/routes.hpp"

#include <algorithm>
#include <array>

#include "nvhook/rest/service.hpp"

namespace nvhook::rest {
namespace {

constexpr auto kRoutes = std::to_array<Route>({
    {"/gpu/info", Page::Info, "/gpu/info"},
    {"/gpu/info/json", Page::InfoJson, "/gpu/info/json"},
    {"/gpu/status", Page::Status, "/gpu/status"},
    {"/gpu/status/json", Page::StatusJson, "/gpu/status/json"},
    {"/docker/cli", Page::DockerCli, "/docker/cli"},
    {"/docker/cli/json", Page::DockerCliJson, "/docker/cli/json"},
    {"/mesos/cli", Page::MesosCli, "/mesos/cli"},
    {"/v1.0/gpu/info", Page::Info, "/gpu/info"},
    {"/v1.0/gpu/info/json", Page::InfoJson, "/gpu/info/json"},
    {"/v1.0/gpu/status", Page::Status, "/gpu/status"},
    {"/v1.0/gpu/status/json", Page::StatusJson, "/gpu/status/json"},
    {"/v1.0/docker/cli", Page::DockerCli, "/docker/cli"},
    {"/v1.0/docker/cli/json", Page::DockerCliJson, "/docker/cli/json"},
    {"/v1.0/mesos/cli", Page::MesosCli, "/mesos/cli"},
    {"/metrics", Page::Metrics, "/metrics"},
    {"/healthz", Page::Health, "/healthz"},
    {"/v1.0/openapi.json", Page::OpenApi, "/v1.0/openapi.json"},
});

constexpr auto kPaths = [] {
  std::array<std::string_view, kRoutes.size()> paths;
  std::ranges::transform(kRoutes, paths.begin(), &Route::path);
  return paths;
}();

}  // namespace

std::optional<Route> find_route(std::string_view path) {
  const auto* found = std::ranges::find(kRoutes, path, &Route::path);
  return found == kRoutes.end() ? std::nullopt : std::optional(*found);
}

std::span<const std::string_view> all_paths() { return kPaths; }

}  // namespace nvhook::rest
