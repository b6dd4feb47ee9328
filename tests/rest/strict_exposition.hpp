// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::rest {

// Prometheus' text format, read with no patience: what its documentation demands and what
// promtool's lint asks for besides.
struct Series {
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct Family {
  std::string help;
  std::string type;
  std::vector<Series> series;
};

struct Exposed {
  std::map<std::string, Family> families;
  std::vector<std::string> complaints;  // "line 3: the name is none"
};

[[nodiscard]] Exposed read_exposition(std::string_view text);

}  // namespace nvhook::rest
