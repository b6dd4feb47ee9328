// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/nvml/nvml.hpp"

// The query of /docker/cli: docs/companion/rest.md, "Query".
namespace nvhook::rest {

// Decoded; empty where it is absent, which means the same.
struct Query {
  std::string dev;
  std::string vol;
};

// As Go 1.5's net/url.ParseQuery: '&' and ';' divide, '+' and "%20" are blanks, of a name that
// comes twice the first counts, a pair with a '%' that is no escape is no pair. Never fails.
[[nodiscard]] Query parse_query(std::string_view query);

// What a client did wrong: "invalid device: 7", one line without its end, of printable ASCII.
using Refusal = std::string;

// "" or "*".
[[nodiscard]] bool asks_for_all(std::string_view value);

// Which of `gpus`, each once, in their order.
[[nodiscard]] std::expected<std::vector<std::size_t>, Refusal> choose_gpus(
    std::string_view dev, std::span<const nvml::Gpu> gpus);

// How many times the one kind of volume that there is, nvidia_driver, is asked for.
[[nodiscard]] std::expected<std::size_t, Refusal> count_volumes(std::string_view vol);

}  // namespace nvhook::rest
