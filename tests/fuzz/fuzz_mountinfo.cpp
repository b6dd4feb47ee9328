// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/container/mountinfo.hpp"

namespace {

using nvhook::container::MountEntry;

bool lies_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// As the kernel writes a name. Source: fs/proc_namespace.c, mangle().
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (!std::string_view(" \t\n\\#").contains(c)) {
      text += c;
      continue;
    }
    text += '\\';
    text += static_cast<char>('0' + (c >> 6U));
    text += static_cast<char>('0' + ((c >> 3U) & 7));
    text += static_cast<char>('0' + (c & 7));
  }
  return text;
}

std::string line_of(const MountEntry& mount) {
  return std::to_string(mount.id) + " " + std::to_string(mount.parent) + " " +
         std::string(mount.device) + " " + escaped(mount.root) + " " + escaped(mount.mount_point) +
         " rw" + (mount.shared ? " shared:1" : "") + " - " + std::string(mount.file_system) +
         " source " + std::string(mount.super_options) + "\n";
}

bool same(const MountEntry& one, const MountEntry& other) {
  return one.id == other.id && one.parent == other.parent && one.device == other.device &&
         one.root == other.root && one.mount_point == other.mount_point &&
         one.shared == other.shared && one.file_system == other.file_system &&
         one.super_options == other.super_options;
}

// The mount that is taken for the runtime's own /dev is what the header promises.
void check_dev(const std::vector<MountEntry>& mounts, const MountEntry& rootfs) {
  const auto dev = nvhook::container::dev_mount_of(mounts, rootfs.id);
  if (!dev) return;
  const auto is_it = [&](const MountEntry& mount) {
    return mount.id == *dev && mount.parent == rootfs.id && mount.file_system == "tmpfs" &&
           mount.root == "/" && mount.mount_point.ends_with("/dev") &&
           std::ranges::count(mounts, mount.device, &MountEntry::device) == 1;
  };
  if (std::ranges::none_of(mounts, is_it)) std::abort();
}

}  // namespace

// Every line becomes a mount that borrows from the text only, and the mounts, written as the kernel
// writes them, are read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mounts = nvhook::container::parse_mountinfo(text);
  if (!mounts) return 0;

  const bool open_end = !text.empty() && !text.ends_with('\n');
  if (mounts->size() !=
      static_cast<std::size_t>(std::ranges::count(text, '\n')) + (open_end ? 1 : 0))
    std::abort();
  std::string again;
  for (const auto& mount : *mounts) {
    if (!lies_within(mount.device, text) || !lies_within(mount.file_system, text) ||
        !lies_within(mount.super_options, text))
      std::abort();
    again += line_of(mount);
  }
  const auto reparsed = nvhook::container::parse_mountinfo(again);
  if (!reparsed || !std::ranges::equal(*mounts, *reparsed, same)) std::abort();

  constexpr std::size_t kAsked = 8;  // each question goes over all mounts
  for (std::size_t i = 0; i < std::min(mounts->size(), kAsked); ++i)
    check_dev(*mounts, (*mounts)[i]);
  return 0;
}
