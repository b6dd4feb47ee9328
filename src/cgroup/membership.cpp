// SPDX-License-Identifier: Apache-2.0
#include "membership.hpp"

#include <algorithm>
#include <charconv>

namespace nvhook::cgroup {

bool has_word(std::string_view list, std::string_view word) {
  for (;;) {
    const auto item = list.substr(0, list.find(','));
    if (item == word) return true;
    if (item.size() == list.size()) return false;
    list.remove_prefix(item.size() + 1);
  }
}

std::optional<std::string_view> path_of_controller(std::string_view text,
                                                   std::string_view controller) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : has_word(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<std::string_view> path_below(std::string_view path, std::string_view mount_root) {
  if (!path.starts_with('/') || !mount_root.starts_with('/')) return std::nullopt;
  if (mount_root == "/") return path;
  if (path == mount_root) return "/";
  if (!path.starts_with(mount_root) || path[mount_root.size()] != '/') return std::nullopt;
  return path.substr(mount_root.size());
}

bool lists_process(std::string_view procs, pid_t pid) {
  while (!procs.empty()) {
    const auto line = procs.substr(0, procs.find('\n'));
    procs.remove_prefix(std::min(line.size() + 1, procs.size()));
    pid_t listed = 0;
    std::from_chars(line.data(), line.data() + line.size(), listed);
    if (listed == pid) return true;
  }
  return false;
}

}  // namespace nvhook::cgroup
