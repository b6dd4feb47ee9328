// SPDX-License-Identifier: Apache-2.0
#include "driver/extra_nodes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {
namespace {

constexpr std::string_view kImexFolder = "nvidia-caps-imex-channels";
constexpr std::string_view kImexPrefix = "channel";
constexpr std::size_t kMaxImexChannels = 4096;  // the driver makes 2048 unless told otherwise
constexpr std::size_t kMaxNodes = 8192;         // names in /dev; a large host has a thousand
constexpr std::uint32_t kMiscMajor = 10;        // Documentation/admin-guide/devices.txt

struct FeatureRow {
  Feature feature;
  std::string_view folder;  // below /dev; empty: /dev itself
  std::string_view name;
  bool numbered;            // the name has a number behind it
  std::string_view driver;  // its name in /proc/devices, in /proc/misc for one of major 10
  bool misc;
  std::string_view module;  // of the kernel's that makes the nodes
};

// Sources: nvidia-container-toolkit, internal/discover/{gds,mofed,gdrcopy,nvswitch}.go, for the
// names; Linux, drivers/infiniband/core/{uverbs_main,ucma}.c, gdrcopy, gdrdrv.c, and gds-nvidia-fs,
// nvfs-core.c, for the drivers'.
constexpr std::array kFeatureRows = {
    FeatureRow{Feature::Gds, "", "nvidia-fs", true, "nvidia-fs", false, "nvidia-fs"},
    FeatureRow{Feature::Mofed, "infiniband", "uverbs", true, "infiniband_verbs", false,
               "ib_uverbs"},
    FeatureRow{Feature::Mofed, "infiniband", "rdma_cm", false, "rdma_cm", true, "rdma_ucm"},
    FeatureRow{Feature::Gdrcopy, "", "gdrdrv", false, "gdrdrv", false, "gdrdrv"},
    FeatureRow{Feature::NvSwitch, "", "nvidia-nvswitchctl", false, "nvidia-nvswitch", false,
               "nvidia"},
    FeatureRow{Feature::NvSwitch, "", "nvidia-nvswitch", true, "nvidia-nvswitch", false, "nvidia"},
};

// The number behind the prefix, if that is all of the name.
std::optional<std::uint32_t> number_behind(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::uint32_t number = 0;
  const auto* const end = name.data() + name.size();
  const auto [stop, problem] = std::from_chars(name.data(), end, number);
  if (problem != std::errc() || stop != end || name != std::to_string(number)) return std::nullopt;
  return number;
}

Result<std::vector<std::string>> names_below(const NodeDirectory& directory, std::size_t cap) {
  auto names = files::names_in(directory.fd, cap);
  if (!names) return failed_to(quote(directory.path.value), std::move(names));
  return names;
}

// Whether the kernel gives the number to the driver of the row.
bool is_drivers(const FeatureRow& row, DeviceNumber number, const DeviceTables& tables) {
  if (!row.misc) return is_major_of(tables.devices, number.major, row.driver);
  // Lines of "minor name", as those of /proc/devices.
  return number.major == kMiscMajor && is_major_of(tables.misc, number.minor, row.driver);
}

Result<DeviceNode> check(const FeatureRow& row, const NodeDirectory& directory,
                         const std::string& name, const DeviceTables& tables) {
  const auto path = directory.path / name;
  struct stat status {};
  if (::fstatat(directory.fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return system_failure(ErrorId::Kernel, "device node " + quote(path.value));
  const DeviceNumber number{::major(status.st_rdev), ::minor(status.st_rdev)};
  if (!S_ISCHR(status.st_mode) || !is_drivers(row, number, tables))
    return failure(ErrorId::NodeType, quote(path.value) + " is no character device of the driver " +
                                          quote(row.driver) + " (/proc/" +
                                          (row.misc ? "misc" : "devices") + ")");
  return DeviceNode{path, row.folder.empty() ? name : std::string(row.folder) + "/" + name, number};
}

std::string missing_text(const FeatureRow& row, const NodeDirectory& directory) {
  auto path = directory.path;
  if (!row.folder.empty()) path = path / row.folder;
  return "no device node " + quote((path / row.name).value + (row.numbered ? "<number>" : "")) +
         ", which the kernel module " + std::string(row.module) + " makes";
}

// The row's nodes, none if its directory is not there.
Result<std::vector<DeviceNode>> find_row(const FeatureRow& row, NodeDirectory directory,
                                         const DeviceTables& tables) {
  std::vector<DeviceNode> nodes;
  std::optional<NodeFolder> folder;
  if (!row.folder.empty()) {
    auto opened = open_folder(directory, row.folder);
    if (!opened) return std::unexpected(std::move(opened).error());
    if (!*opened) return nodes;
    folder = std::move(*opened);
    directory = folder->directory();
  }
  const auto names = names_below(directory, kMaxNodes);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    if (row.numbered ? !number_behind(row.name, name) : name != row.name) continue;
    auto node = check(row, directory, name, tables);
    if (!node) return std::unexpected(std::move(node).error());
    nodes.push_back(std::move(*node));
  }
  return nodes;
}

}  // namespace

Result<std::vector<DeviceNode>> find_imex_channels(const NodeDirectory& directory,
                                                   std::optional<std::uint32_t> major) {
  std::vector<DeviceNode> channels;
  if (!major) return channels;
  const auto folder = open_folder(directory, kImexFolder);
  if (!folder) return std::unexpected(folder.error());
  if (!*folder) return channels;
  const auto names = names_below((*folder)->directory(), kMaxImexChannels);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    const auto number = number_behind(kImexPrefix, name);
    if (!number) continue;
    const DeviceNumber device{.major = *major, .minor = *number};
    auto path = check_node((*folder)->directory(), name, device);
    if (!path && path.error().id() == ErrorId::NodeType) continue;  // left over from another major
    if (!path) return std::unexpected(std::move(path).error());
    channels.push_back({*std::move(path), std::string(kImexFolder) + "/" + name, device});
  }
  std::ranges::sort(channels, {}, [](const auto& channel) { return channel.number.minor; });
  return channels;
}

Result<FeatureNodes> find_feature(const NodeDirectory& directory, const DeviceTables& tables,
                                  Feature feature) {
  FeatureNodes found{.feature = feature, .nodes = {}, .missing = {}};
  for (const auto& row : kFeatureRows) {
    if (row.feature != feature) continue;
    auto nodes = find_row(row, directory, tables);
    if (!nodes) return std::unexpected(std::move(nodes).error());
    if (nodes->empty())
      found.missing += (found.missing.empty() ? "" : "; ") + missing_text(row, directory);
    std::ranges::move(*nodes, std::back_inserter(found.nodes));
  }
  return found;
}

}  // namespace nvhook::driver
