// SPDX-License-Identifier: Apache-2.0
#include "nvhook/companion/log.hpp"

#include <time.h>
#include <unistd.h>

#include <array>
#include <ctime>

namespace nvhook::companion {
namespace {

// "2026/11/22 04:35:51", local time.
std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  tm parts{};
  std::array<char, 32> text{};
  if (::localtime_r(&now, &parts) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y/%m/%d %H:%M:%S", &parts) == 0)
    return "-";
  return text.data();
}

}  // namespace

void Log::line(std::string_view text) const {
  std::string line = name_;
  line += manner_ == Manner::Original ? " | " + time_of_day() + " " : ": ";
  line.append(text).push_back('\n');
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void Log::say(std::string_view text) const { line(text); }

void Log::error(const Error& error) const {
  auto text = error.text();
  if (manner_ == Manner::Original)  // which has no ids
    text.replace(0, name_of(error.id()).size() + 2, "Error: ");
  line(text);
}

void Log::warning(const Warning& warning) const {
  line(manner_ == Manner::Original ? "Warning: " + warning.text
                                   : std::string(name_of(warning.id)) + ": " + warning.text);
}

}  // namespace nvhook::companion
