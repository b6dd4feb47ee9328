// SPDX-License-Identifier: Apache-2.0
// docs/messages.md explains the ids that there are, each under its exit status.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "nvhook/base/message_id.hpp"

namespace nvhook {
namespace {

using ::testing::ContainerEq;

std::ifstream page() {
  std::ifstream in(NVHOOK_SOURCE_DIR "/docs/messages.md");
  EXPECT_TRUE(in);
  return in;
}

constexpr int kWarnings = -1;
constexpr int kNone = -2;

// "### E_USAGE" under "## Exit status 64" or "## Warnings".
std::multimap<std::string, int> explained() {
  const std::regex status("## Exit status ([0-9]+)");
  const std::regex id("### ([EW]_[A-Z_]+)");
  std::multimap<std::string, int> ids;
  int section = kNone;
  auto in = page();
  for (std::string line; std::getline(in, line);) {
    std::smatch found;
    if (std::regex_match(line, found, status))
      section = std::stoi(found[1]);
    else if (line == "## Warnings")
      section = kWarnings;
    else if (std::regex_match(line, found, id))
      ids.emplace(found[1], section);
  }
  return ids;
}

TEST(MessagesPage, ExplainsEveryIdOnceUnderItsExitStatus) {
  std::multimap<std::string, int> all;
  for (const auto& error : all_errors()) all.emplace(error.name, error.exit_status);
  for (const auto& warning : all_warnings()) all.emplace(warning.name, kWarnings);

  EXPECT_THAT(explained(), ContainerEq(all));
}

TEST(MessagesPage, ListsEveryExitStatusInItsTable) {
  std::set<int> all = {0};
  for (const auto& error : all_errors()) all.insert(error.exit_status);

  const std::regex row(R"(\| ([0-9]+) \|.*)");
  std::set<int> listed;
  auto in = page();
  for (std::string line; std::getline(in, line);)
    if (std::smatch found; std::regex_match(line, found, row)) listed.insert(std::stoi(found[1]));
  EXPECT_THAT(listed, ContainerEq(all));
}

}  // namespace
}  // namespace nvhook
