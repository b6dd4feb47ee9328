// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/device_allow.hpp"

#include <algorithm>
#include <optional>

#include "nvhook/base/path.hpp"

namespace nvhook::systemd {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/-_.:,+@").contains(c);
}

bool may_stand_for_itself(const std::string& path) {
  constexpr std::string_view kBelow = "/dev/";
  const auto parsed = HostPath::parse(path);
  return parsed && parsed->value == path && path.starts_with(kBelow) &&
         std::ranges::all_of(path, is_plain);
}

// The value of the setting on this line, if the line is about it.
std::optional<std::string_view> value_of(std::string_view line, std::string_view setting) {
  if (!line.starts_with(setting) || !line.substr(setting.size()).starts_with('='))
    return std::nullopt;
  return line.substr(setting.size() + 1);
}

}  // namespace

std::string name_of(const Node& node) {
  if (may_stand_for_itself(node.path)) return node.path;
  return "/dev/char/" + std::to_string(node.number.major) + ":" + std::to_string(node.number.minor);
}

std::string drop_in_of(const std::vector<Node>& nodes) {
  std::string text = "# Written by nvhook: devices that it gave to this container.\n[Scope]\n";
  for (const auto& node : nodes)
    text += "DeviceAllow=" + name_of(node) + " " + std::string(kAccess) + "\n";
  return text;
}

Restriction restriction_in(std::string_view unit_files) {
  bool strict = false;
  bool listed = false;
  bool program = false;
  while (!unit_files.empty()) {
    const auto line = unit_files.substr(0, unit_files.find('\n'));
    unit_files.remove_prefix(std::min(line.size() + 1, unit_files.size()));
    // An empty value takes back what was set before.
    if (const auto policy = value_of(line, "DevicePolicy"))
      strict = *policy == "strict" || *policy == "closed";
    if (const auto allowed = value_of(line, "DeviceAllow")) listed = !allowed->empty();
    if (const auto attached = value_of(line, "BPFProgram"))
      program = attached->starts_with("device:") || (program && !attached->empty());
  }
  if (program) return Restriction::Program;
  return strict || listed ? Restriction::List : Restriction::None;
}

}  // namespace nvhook::systemd
