// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/scope.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace nvhook::systemd {
namespace {

constexpr std::string_view kSuffix = ".scope";
constexpr std::size_t kMaxUnitName = 255;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":-_.\\@").contains(c);
}

// Takes the first component off an absolute path; empty when there is none.
std::string_view take_component(std::string_view& path) {
  if (!path.starts_with('/')) return {};
  path.remove_prefix(1);
  const auto component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component;
}

std::optional<Scope> scope_in(std::string_view path) {
  std::string_view slice = "-.slice";  // the root's
  auto unit = take_component(path);
  for (; unit.ends_with(".slice"); unit = take_component(path)) slice = unit;
  (void)take_component(path);  // the runtime's own, inside of the scope
  if (!path.empty()) return std::nullopt;
  if (unit.starts_with('_')) unit.remove_prefix(1);
  if (!is_scope(unit)) return std::nullopt;
  return Scope{.name = std::string(unit), .slice = std::string(slice)};
}

}  // namespace

bool is_scope(std::string_view name) {
  return name.ends_with(kSuffix) && name.size() > kSuffix.size() && name.size() <= kMaxUnitName &&
         std::ranges::all_of(name, is_name_character);
}

std::optional<Scope> scope_of(std::string_view cgroup_text) {
  std::optional<Scope> unified;
  std::optional<Scope> named;
  while (!cgroup_text.empty()) {
    const auto line = cgroup_text.substr(0, cgroup_text.find('\n'));
    cgroup_text.remove_prefix(std::min(line.size() + 1, cgroup_text.size()));
    const auto hierarchy = line.find(':');
    if (hierarchy == line.npos) continue;
    auto rest = line.substr(hierarchy);
    if (rest.starts_with("::/")) {
      unified = scope_in(rest.substr(2));
    } else if (constexpr std::string_view kNamed = ":name=systemd:"; rest.starts_with(kNamed)) {
      named = scope_in(rest.substr(kNamed.size()));
    }
  }
  return unified ? unified : named;
}

bool is_systemds(const Scope& scope, std::string_view unit_files) {
  constexpr std::string_view kSetting = "Slice=";
  std::string_view slice = "system.slice";
  while (!unit_files.empty()) {
    const auto line = unit_files.substr(0, unit_files.find('\n'));
    unit_files.remove_prefix(std::min(line.size() + 1, unit_files.size()));
    if (line.starts_with(kSetting)) slice = line.substr(kSetting.size());
  }
  return scope.slice == slice;
}

bool is_booted() {
  struct stat status {};
  return ::fstatat(AT_FDCWD, "/run/systemd/system", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

}  // namespace nvhook::systemd
