// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/http/server.hpp"
#include "rest/exposition.hpp"
#include "rest/values.hpp"

// The body of /metrics: docs/companion/rest.md, "Metrics". No process is in it.
namespace nvhook::rest {

// By path ("/gpu/info", "other") and status.
using Requests = std::map<std::pair<std::string_view, int>, std::uint64_t>;

struct Counted {
  Requests requests;
  std::uint64_t answers = 0;   // of NVML
  std::uint64_t failures = 0;  // of NVML to answer
  std::optional<http::Counters> server;
};

// What the values say: the part that is the same while they are.
[[nodiscard]] std::string gpu_metrics(const Facts& facts);

// What we say of ourselves; `age` of the values, nothing where there are none.
[[nodiscard]] std::string own_metrics(const Counted& counted,
                                      std::optional<std::chrono::milliseconds> age);

}  // namespace nvhook::rest
