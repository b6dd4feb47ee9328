// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "nvhook/rest/service.hpp"

namespace nvhook::rest {

// An answer, in a form that tests compare.
struct Answer {
  int status = 0;
  std::string type;
  std::string body;
  std::map<std::string, std::string> headers;
};

// A service that has been told `facts` at the time 0.
[[nodiscard]] Service service_of(Facts facts, Options options = {});

// Asks for "/path?query" at that time; fails the test if values are wanted first.
[[nodiscard]] Answer ask(Service& service, std::string_view target,
                         Clock::time_point now = Clock::time_point());
[[nodiscard]] Answer ask(Facts facts, std::string_view target);

// Whether it wants values first.
[[nodiscard]] bool wants_values(Service& service, std::string_view path, Clock::time_point now);

}  // namespace nvhook::rest
