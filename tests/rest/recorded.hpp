// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace nvhook::rest {

// An answer of the original: tests/rest/golden/<name>.http.
struct Recorded {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};

[[nodiscard]] Recorded recorded(const std::string& name);

}  // namespace nvhook::rest
