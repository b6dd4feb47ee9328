// SPDX-License-Identifier: Apache-2.0
#include "attack/verdict.hpp"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

#include "nvhook/base/message_id.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

constexpr std::string_view kPrefix = "nvhook: ";
constexpr long kMaxRssKib = 64L << 10U;

constexpr int kPatience = 30;

// Whether so many want to run that any of them may have to wait for seconds.
bool is_overloaded() {
  double running = 0;
  return ::getloadavg(&running, 1) == 1 &&
         running > 2.0 * static_cast<double>(std::thread::hardware_concurrency());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string id_of(std::string_view line) {
  if (!line.starts_with(kPrefix)) return {};
  line.remove_prefix(kPrefix.size());
  return std::string(line.substr(0, line.find(": ")));
}

std::optional<int> status_for(const std::string& id) {
  const auto known = std::ranges::find(all_errors(), id, &ErrorInfo::name);
  if (known == all_errors().end()) return std::nullopt;
  return known->exit_status;
}

bool is_warning(const std::string& id) {
  return std::ranges::find(all_warnings(), id, &WarningInfo::name) != all_warnings().end();
}

}  // namespace

std::vector<std::string> ids_said(const Finished& finished) {
  std::vector<std::string> ids;
  for (const auto& line : lines_of(finished.err)) ids.push_back(id_of(line));
  return ids;
}

Complaints judge_result(const Finished& finished) {
  Complaints complaints;
  const auto complain = [&](const std::string& text) {
    complaints.push_back({Oracle::Result, text + "; it wrote: " + finished.err});
  };
  int errors = 0;
  for (const auto& id : ids_said(finished)) {
    if (is_warning(id)) continue;
    const auto status = status_for(id);
    ++errors;
    if (!status)
      complain("a line without a known id");
    else if (*status != finished.status)
      complain("status " + std::to_string(finished.status) + " does not go with " + id);
  }
  if (finished.status == 0 && errors != 0) complain("an error, and yet it succeeded");
  if (finished.status != 0 && errors != 1)
    complain("status " + std::to_string(finished.status) + " and " + std::to_string(errors) +
             " errors");
  const bool printable =
      std::ranges::all_of(finished.err, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
  if (!printable) complain("bytes that are not printable");
  return complaints;
}

Complaints judge_cost(const Finished& finished, std::chrono::seconds most_wall) {
  Complaints complaints;
  if (finished.wall > most_wall * (is_overloaded() ? kPatience : 1))
    complaints.push_back(
        {Oracle::Cost, "it took " + std::to_string(finished.wall.count()) + " ms"});
  if (!kSanitized && finished.max_rss_kib > kMaxRssKib)
    complaints.push_back(
        {Oracle::Cost, "it took " + std::to_string(finished.max_rss_kib) + " KiB of memory"});
  return complaints;
}

}  // namespace nvhook::test
