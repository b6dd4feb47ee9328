// SPDX-License-Identifier: Apache-2.0
#include "rest/recorded.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace nvhook::rest {

Recorded recorded(const std::string& name) {
  std::ifstream file(NVHOOK_SOURCE_DIR "/tests/rest/golden/" + name + ".http", std::ios::binary);
  EXPECT_TRUE(file) << name;
  Recorded answer;
  std::string line;
  std::getline(file, line);
  answer.status = std::stoi(line.substr(line.find(' ')));
  while (std::getline(file, line) && line != "\r") {
    const auto colon = line.find(": ");
    answer.headers[line.substr(0, colon)] = line.substr(colon + 2, line.size() - colon - 3);
  }
  std::ostringstream rest;
  rest << file.rdbuf();
  answer.body = rest.str();
  return answer;
}

}  // namespace nvhook::rest
