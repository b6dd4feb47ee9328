// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::rest {

// Lines of labels and values, aligned as Go's text/tabwriter does without padding: in a run of
// lines that have a value, all values begin two blanks behind the longest label. A line without a
// value ends the run.
//
//   Clocks
//     Cores:   745 MHz
//     Memory:  3004 MHz
class TextPage {
 public:
  void line(std::string_view text);  // "" is an empty one
  // `label` as it is to stand there, with its blanks in front and without the colon.
  void value(std::string_view label, std::string text);
  [[nodiscard]] std::string take() &&;

 private:
  void end_run();

  struct Row {
    std::string label;
    std::string text;
  };
  std::string text_;
  std::vector<Row> run_;
};

}  // namespace nvhook::rest
