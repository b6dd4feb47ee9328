// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/driver/driver.hpp"
#include "nvhook/plan/print.hpp"

namespace nvhook::plan {

// Text for people: lines, and tables under headings whose columns are as wide as their widest cell.
class Page {
 public:
  explicit Page(Style style) : style_(style) {}

  void line(std::string_view text) { text_.append(text).append("\n"); }
  // Two columns' rows of different lengths are fine; a table without rows has no heading either.
  void table(std::string_view heading, const std::vector<std::vector<std::string>>& rows);

  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  Style style_;
  std::string text_;
};

// The path, quoted if it holds bytes that a terminal would obey.
[[nodiscard]] std::string shown(const std::string& path);

// The rows of a table of the GPUs' instances, each MIG device with the name by which it can be
// asked for whatever NVML calls it.
[[nodiscard]] std::vector<std::vector<std::string>> instances_of(
    const std::vector<driver::Gpu>& gpus);

}  // namespace nvhook::plan
