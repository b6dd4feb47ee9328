// SPDX-License-Identifier: Apache-2.0
#include "nvml/processes.hpp"

#include <unistd.h>

#include <fstream>
#include <string>

namespace nvhook::test {
namespace {

bool runs(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("State:")) return !line.contains('Z');
  return false;
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  const auto number = std::to_string(pid);
  std::ifstream file("/proc/" + number + "/task/" + number + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

bool ends(pid_t pid) {
  for (int looks = 0; looks < 300 && runs(pid); ++looks) ::usleep(10'000);
  return !runs(pid);
}

}  // namespace nvhook::test
