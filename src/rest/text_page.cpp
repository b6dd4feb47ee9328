// SPDX-License-Identifier: Apache-2.0
#include "rest/text_page.hpp"

#include <algorithm>
#include <utility>

namespace nvhook::rest {

void TextPage::line(std::string_view text) {
  end_run();
  text_ += text;
  text_ += '\n';
}

void TextPage::value(std::string_view label, std::string text) {
  run_.push_back({std::string(label) + ":", std::move(text)});
}

std::string TextPage::take() && {
  end_run();
  return std::move(text_);
}

void TextPage::end_run() {
  std::size_t longest = 0;
  for (const auto& row : run_) longest = std::max(longest, row.label.size());
  for (const auto& row : run_) {
    text_ += row.label;
    text_.append(longest + 2 - row.label.size(), ' ');
    text_ += row.text;
    text_ += '\n';
  }
  run_.clear();
}

}  // namespace nvhook::rest
