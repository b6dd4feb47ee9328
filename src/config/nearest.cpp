// SPDX-License-Identifier: Apache-2.0
#include "nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace nvhook::config {
namespace {

std::size_t distance(std::string_view from, std::string_view to) {
  // Row by row of the usual table: row[j] is the distance of from's first i to to's first j.
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const auto exchanged = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, exchanged});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  auto least = word.size();
  for (const auto candidate : known) {
    // A third of the letters may be wrong. A word that is too long is not even compared: the time
    // is the product of both lengths.
    const auto bound = candidate.size() / 3 + 1;
    if (word.size() > candidate.size() + bound) continue;
    const auto steps = distance(word, candidate);
    if (steps > bound || steps >= least) continue;
    least = steps;
    best = candidate;
  }
  return best;
}

}  // namespace nvhook::config
