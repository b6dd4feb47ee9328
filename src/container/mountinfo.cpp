// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/mountinfo.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace nvhook::container {
namespace {

// Takes the next field, ended by one space or the end of the line.
std::string_view take_field(std::string_view& line) {
  const auto field = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(field.size() + 1, line.size()));
  return field;
}

std::optional<std::uint64_t> number(std::string_view field) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// Space, tab, newline and backslash are written as a backslash and three octal digits.
std::string decoded(std::string_view field) {
  std::string text;
  text.reserve(field.size());
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && is_octal(field[i + 1]) &&
        is_octal(field[i + 2]) && is_octal(field[i + 3])) {
      const int value = (field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0');
      text += static_cast<char>(value);
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
std::optional<MountEntry> parse_line(std::string_view line) {
  MountEntry entry;
  const auto id = number(take_field(line));
  const auto parent = number(take_field(line));
  if (!id || !parent) return std::nullopt;
  entry.id = *id;
  entry.parent = *parent;
  entry.device = take_field(line);
  entry.root = decoded(take_field(line));
  entry.mount_point = decoded(take_field(line));
  take_field(line);  // options of the mount
  for (;;) {
    if (line.empty()) return std::nullopt;
    const auto field = take_field(line);
    if (field == "-") break;
    entry.shared = entry.shared || field.starts_with("shared:");
  }
  entry.file_system = take_field(line);
  take_field(line);  // source
  entry.super_options = line;
  return entry;
}

}  // namespace

Result<std::vector<MountEntry>> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    auto entry = parse_line(line);
    if (!entry)
      return failure(ErrorId::Kernel,
                     "mountinfo: line " + std::to_string(entries.size() + 1) + " is malformed");
    entries.push_back(std::move(*entry));
  }
  return entries;
}

bool is_bound_onto_itself(const std::vector<MountEntry>& mounts, std::uint64_t mount_id) {
  const auto mount = std::ranges::find(mounts, mount_id, &MountEntry::id);
  if (mount == mounts.end()) return false;
  const auto below = std::ranges::find(mounts, mount->parent, &MountEntry::id);
  if (below == mounts.end() || below->device != mount->device) return false;
  // What stands at the mount point in the mount below: its root, and the way from there.
  const auto slash_less = [](const std::string& path) { return path == "/" ? "" : path; };
  const auto base = slash_less(below->mount_point);
  if (!mount->mount_point.starts_with(base)) return false;
  return slash_less(mount->root) ==
         slash_less(below->root) + mount->mount_point.substr(base.size());
}

std::optional<std::uint64_t> dev_mount_of(const std::vector<MountEntry>& mounts,
                                          std::uint64_t rootfs_mount) {
  const auto root = std::ranges::find(mounts, rootfs_mount, &MountEntry::id);
  if (root == mounts.end()) return std::nullopt;
  const auto dev = std::ranges::find_if(mounts, [&](const MountEntry& mount) {
    return mount.parent == rootfs_mount && mount.mount_point == root->mount_point + "/dev";
  });
  if (dev == mounts.end() || dev->file_system != "tmpfs" || dev->root != "/") return std::nullopt;
  if (std::ranges::count(mounts, dev->device, &MountEntry::device) != 1) return std::nullopt;
  return dev->id;
}

}  // namespace nvhook::container
