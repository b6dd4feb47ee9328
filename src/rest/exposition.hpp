// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nvhook::rest {

struct Label {
  std::string_view name;
  std::string_view value;
};

enum class Kind : std::uint8_t { Gauge, Counter };

// Writes Prometheus' text format, version 0.0.4. Source: "Exposition formats" of its
// documentation. A family without a sample is left out.
class Exposition {
 public:
  // All samples of one name follow it. `help` is one line without backslashes.
  void family(std::string_view name, Kind kind, std::string_view help);
  void sample(std::span<const Label> labels, double value);
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  std::string head_;  // of the family, until it has a sample
  std::string_view name_;
};

}  // namespace nvhook::rest
