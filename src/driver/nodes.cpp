// SPDX-License-Identifier: Apache-2.0
#include "driver/nodes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {
namespace {

// Minor numbers. Source: nvidia-modprobe, nvidia-modprobe-utils.h (NV_*_MINOR).
constexpr std::uint32_t kControlMinor = 255;
constexpr std::uint32_t kModesetMinor = 254;
constexpr std::uint32_t kUvmMinor = 0;
constexpr std::uint32_t kUvmToolsMinor = 1;

struct OptionalNode {
  NodeKind kind;
  std::string_view name;
  Capabilities capabilities;  // each needs it
};

constexpr Capabilities kCuda{Capability::Compute, Capability::Video};
constexpr std::array kOptionalNodes = {
    OptionalNode{NodeKind::Uvm, "nvidia-uvm", kCuda},
    OptionalNode{NodeKind::UvmTools, "nvidia-uvm-tools", kCuda},
    OptionalNode{NodeKind::Modeset, "nvidia-modeset", {Capability::Display, Capability::Graphics}},
};

// Nothing if the kernel has not given the number out.
std::optional<DeviceNumber> number_of(NodeKind kind, const Majors& majors) {
  if (kind == NodeKind::Control) return DeviceNumber{majors.nvidia, kControlMinor};
  if (kind == NodeKind::Modeset) return DeviceNumber{majors.nvidia, kModesetMinor};
  if (!majors.uvm) return std::nullopt;
  return DeviceNumber{*majors.uvm, kind == NodeKind::Uvm ? kUvmMinor : kUvmToolsMinor};
}

std::string text_of(DeviceNumber number) {
  return std::to_string(number.major) + ":" + std::to_string(number.minor);
}

void add_name(std::string& names, std::string_view name) {
  names += names.empty() ? "" : ", ";
  names += name;
}

// Calls `see` with the major and the name of each character device.
template <class See>
void each_major(std::string_view devices, const See& see) {
  devices = devices.substr(0, devices.find("Block devices:"));
  while (!devices.empty()) {
    auto line = devices.substr(0, devices.find('\n'));
    devices.remove_prefix(std::min(line.size() + 1, devices.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::uint32_t major = 0;
    const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), major);
    if (code != std::errc()) continue;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (line.starts_with(' ')) see(major, line.substr(1));
  }
}

}  // namespace

Result<HostPath> check_node(const NodeDirectory& directory, const std::string& name,
                            DeviceNumber expected) {
  auto path = directory.path / name;
  struct stat status {};
  if (::fstatat(directory.fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    auto failed = system_failure(ErrorId::Kernel, "device node " + quote(path.value)).error();
    if (!leads_nowhere(failed)) return std::unexpected(std::move(failed));
    return failure(ErrorId::NodeMissing,
                   "no device node " + quote(path.value) +
                       "; run nvidia-modprobe or nvidia-smi once on the host, that makes it");
  }
  if (S_ISLNK(status.st_mode))
    return failure(ErrorId::NodeType, quote(path.value) + " is a symbolic link, not a device");
  if (!S_ISCHR(status.st_mode))
    return failure(ErrorId::NodeType, quote(path.value) + " is not a character device");
  const DeviceNumber actual{::major(status.st_rdev), ::minor(status.st_rdev)};
  if (actual != expected)
    return failure(ErrorId::NodeType, quote(path.value) + " is device " + text_of(actual) +
                                          ", the driver's is " + text_of(expected));
  return path;
}

Majors parse_majors(std::string_view devices) {
  Majors majors;
  each_major(devices, [&](std::uint32_t major, std::string_view name) {
    if (name == "nvidia" || name == "nvidia-frontend") majors.nvidia = major;
    if (name == "nvidia-uvm") majors.uvm = major;
    if (name == "nvidia-caps") majors.caps = major;
    if (name == "nvidia-caps-imex-channels") majors.imex_channels = major;
  });
  return majors;
}

bool is_major_of(std::string_view devices, std::uint32_t major, std::string_view name) {
  bool found = false;
  each_major(devices, [&](std::uint32_t number, std::string_view its_name) {
    found = found || (number == major && its_name == name);
  });
  return found;
}

Result<std::optional<NodeFolder>> open_folder(const NodeDirectory& directory,
                                              std::string_view name) {
  auto fd = files::open_at(directory.fd, name, O_PATH | O_DIRECTORY, files::Lookup::Plain);
  auto path = directory.path / name;
  if (fd) return NodeFolder{std::move(*fd), std::move(path)};
  if (fd.error().code() == std::errc::no_such_file_or_directory) return std::nullopt;
  const bool kernel = !leads_nowhere(fd.error());
  return std::unexpected(std::move(fd)
                             .error()
                             .within(quote(path.value))
                             .as(kernel ? ErrorId::Kernel : ErrorId::NodeType));
}

Result<FoundNodes> find_nodes(const NodeDirectory& directory, const Majors& majors,
                              Capabilities wanted, std::vector<Gpu>& gpus) {
  FoundNodes found;
  std::string missing;
  const std::string control_name = "nvidiactl";
  const DeviceNumber control_number{majors.nvidia, kControlMinor};
  auto control = check_node(directory, control_name, control_number);
  // The driver makes it together with the GPUs' nodes: without a GPU it is often not there.
  if (!control && (!gpus.empty() || control.error().id() != ErrorId::NodeMissing))
    return std::unexpected(std::move(control).error());
  if (control)
    found.nodes.push_back({NodeKind::Control, *std::move(control), control_name, control_number});
  else
    add_name(missing, control_name);

  for (const auto& optional : kOptionalNodes) {
    if ((optional.capabilities & wanted).empty()) continue;
    const std::string name(optional.name);
    const auto number = number_of(optional.kind, majors);
    if (!number) {
      add_name(missing, name + " (its kernel module is not loaded)");
      continue;
    }
    auto path = check_node(directory, name, *number);
    if (path)
      found.nodes.push_back({optional.kind, *std::move(path), name, *number});
    else if (path.error().id() == ErrorId::NodeMissing)
      add_name(missing, name);
    else
      return std::unexpected(std::move(path).error());
  }
  if (!missing.empty())
    found.warnings.push_back(
        {WarningId::NodeMissing, "not in " + quote(directory.path.value) + ": " + missing +
                                     "; nvidia-modprobe (-u for uvm, -m for modeset) makes them"});

  for (auto& gpu : gpus) {
    gpu.number = {majors.nvidia, gpu.minor};
    auto path = check_node(directory, "nvidia" + std::to_string(gpu.minor), gpu.number);
    if (!path) return failed_to("GPU " + quote(gpu.bus), std::move(path));
    gpu.node = *std::move(path);
  }
  return found;
}

}  // namespace nvhook::driver
