// SPDX-License-Identifier: Apache-2.0
#include "driver/drm.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "driver/gpus.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxNames = 16;   // card0, renderD128, and whatever else may come
constexpr std::size_t kMaxNumber = 32;  // "226:128" and a newline

// As sysfs names the device: the driver's own files may have a wider domain.
std::optional<std::string> name_in_sysfs(const Gpu& gpu) {
  const auto at = parse_pci_address(gpu.bus);
  if (!at) return std::nullopt;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04llx:%02x:%02x.%x",
                static_cast<unsigned long long>(at->domain), at->bus, at->device, at->function);
  return text.data();
}

std::optional<DeviceNumber> parse_number(std::string_view text) {
  DeviceNumber number;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, number.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != ':') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, number.minor);
  if (minor.ec != std::errc() || minor.ptr == end || *minor.ptr != '\n') return std::nullopt;
  return number;
}

// "card0" and "renderD128"; connectors ("card0-DP-1") are no nodes.
bool is_node(std::string_view name) {
  for (const std::string_view stem : {"card", "renderD"})
    if (name.starts_with(stem) && name.size() > stem.size())
      return std::ranges::all_of(name.substr(stem.size()),
                                 [](char c) { return c >= '0' && c <= '9'; });
  return false;
}

// What the kernel lists for the GPU, without paths.
Result<std::vector<DrmNode>> listed_nodes(int sys, const Gpu& gpu) {
  std::vector<DrmNode> nodes;
  const auto device = name_in_sysfs(gpu);
  if (!device) return nodes;
  const auto path = "bus/pci/devices/" + *device + "/drm";
  const auto directory = files::open_at(sys, path, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
  if (!directory && leads_nowhere(directory.error())) return nodes;
  if (!directory) return std::unexpected(directory.error());
  const auto names = files::names_in(directory->get(), kMaxNames);
  if (!names) return std::unexpected(Error(names.error()).as(ErrorId::DriverRead));
  for (const auto& name : *names) {
    if (!is_node(name)) continue;
    const auto text =
        files::read_file(directory->get(), name + "/dev", kMaxNumber, files::Lookup::InRoot);
    if (!text) return std::unexpected(Error(text.error()).as(ErrorId::DriverRead));
    const auto number = parse_number(*text);
    if (!number)
      return failure(ErrorId::DriverRead, quote(path + "/" + name + "/dev") + " has " +
                                              quote(*text) + ", no device number");
    nodes.push_back({.path = {}, .name = name, .number = *number});
  }
  return nodes;
}

}  // namespace

Result<std::vector<Warning>> find_drm_nodes(const NodeDirectory& directory,
                                            const std::string& sys_root, std::vector<Gpu>& gpus) {
  std::vector<Warning> warnings;
  const auto sys = files::open_host_directory(sys_root, ErrorId::DriverRead);
  if (!sys) return std::unexpected(sys.error());
  std::string missing;
  for (auto& gpu : gpus) {
    auto listed = listed_nodes(sys->get(), gpu);
    if (!listed) return failed_to("DRM nodes of GPU " + quote(gpu.bus), std::move(listed));
    for (auto& node : *listed) {
      const auto dri =
          files::open_at(directory.fd, "dri", O_PATH | O_DIRECTORY, files::Lookup::Plain);
      if (!dri && !leads_nowhere(dri.error())) return std::unexpected(dri.error());
      auto path = dri ? check_node({dri->get(), directory.path / "dri"}, node.name, node.number)
                      : failure(ErrorId::NodeMissing, "no directory of DRM nodes");
      if (path) {
        node.path = *std::move(path);
        gpu.drm.push_back(std::move(node));
      } else if (path.error().id() == ErrorId::NodeMissing) {
        missing += (missing.empty() ? "" : ", ") + node.name;
      } else {
        return std::unexpected(std::move(path).error());
      }
    }
  }
  if (!missing.empty())
    warnings.push_back({WarningId::NodeMissing, "not in " + quote((directory.path / "dri").value) +
                                                    ": " + missing +
                                                    "; udev makes them when nvidia-drm is loaded"});
  return warnings;
}

}  // namespace nvhook::driver
