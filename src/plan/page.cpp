// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/page.hpp"

#include <algorithm>

#include "nvhook/base/quote.hpp"

namespace nvhook::plan {

void Page::table(std::string_view heading, const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return;
  text_ += '\n';
  line(style_ == Style::Colour ? "\x1b[1m" + std::string(heading) + "\x1b[0m"
                               : std::string(heading));
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string text = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += ' ' + row[i];
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 1, ' ');
    }
    line(text.substr(0, text.find_last_not_of(' ') + 1));
  }
}

std::string shown(const std::string& path) {
  const bool plain =
      std::ranges::all_of(path, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
  return plain ? path : quote(path);
}

std::vector<std::vector<std::string>> instances_of(const std::vector<driver::Gpu>& gpus) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& gpu : gpus)
    for (const auto& instance : gpu.mig) {
      const auto id = "MIG-" + gpu.uuid + "/" + std::to_string(instance.id);
      if (instance.compute.empty())
        rows.push_back({"GPU " + std::to_string(gpu.index),
                        "instance " + std::to_string(instance.id), "no compute instance"});
      for (const auto& compute : instance.compute)
        rows.push_back({"GPU " + std::to_string(gpu.index),
                        "instance " + std::to_string(instance.id),
                        "compute instance " + std::to_string(compute.id),
                        id + "/" + std::to_string(compute.id)});
    }
  return rows;
}

}  // namespace nvhook::plan
