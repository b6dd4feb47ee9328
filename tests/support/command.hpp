// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::test {

struct Finished {
  int status = -1;  // exit status; 128 and the signal's number if one ended it
  std::string out;
  std::string err;
  std::chrono::milliseconds wall{};  // from its start to its end
  long max_rss_kib = 0;              // the most memory of it or of a child that it waited for
};

// Runs a program to its end, found as execvp(3) does, with `input` on its standard input. It gets
// PATH and what `environment` names ("NAME=value"), nothing else.
Finished run(const std::vector<std::string>& arguments, std::string_view input = {},
             const std::vector<std::string>& environment = {});

}  // namespace nvhook::test
