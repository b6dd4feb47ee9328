// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nvhook::rest {

enum class Page : std::uint8_t {
  Info,
  InfoJson,
  Status,
  StatusJson,
  DockerCli,
  DockerCliJson,
  MesosCli,
  Metrics,
  Health,
  OpenApi,
};
inline constexpr std::size_t kPages = 10;

struct Route {
  std::string_view path;
  Page page;
  std::string_view name;  // by which its requests are counted
};

// By the exact path: nothing is decoded, no slash too many is forgiven. Nothing: there is none.
[[nodiscard]] std::optional<Route> find_route(std::string_view path);

}  // namespace nvhook::rest
