// SPDX-License-Identifier: Apache-2.0
#include "draft_files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/feature.hpp"

namespace nvhook::plan {
namespace {

using container::Place;

constexpr Capabilities kGraphics{Capability::Graphics, Capability::Display};

// Where libraries for graphics look for the backend of a driver.
// Source: Mesa, src/gbm/main/backend.c.
constexpr std::string_view kGbmDirectory = "gbm";
constexpr auto kGbmBackend = "nvidia-drm_gbm.so";
constexpr std::string_view kAllocator = "libnvidia-allocator.so.1";

constexpr auto kDrmDirectory = "/dev/dri";
constexpr auto kDrmByPath = "/dev/dri/by-path";

// Source: the driver's README, "Application Profiles"; libnvidia-container, src/nvc_mount.c
// (mount_app_profile).
constexpr auto kProfiles = "/etc/nvidia/nvidia-application-profiles-rc.d";
constexpr auto kProfile = "10-container.conf";
constexpr std::uint32_t kMinorsOfMask = 64;

Kind kind_of(driver::FileKind kind) {
  switch (kind) {
    case driver::FileKind::Socket:
      return Kind::Socket;
    case driver::FileKind::Directory:
      return Kind::Directory;
    case driver::FileKind::Firmware:
      return Kind::Firmware;
    case driver::FileKind::Config:
      return Kind::Config;
  }
  std::abort();  // every enumerator is handled above
}

std::optional<Capability> first_of(Capabilities bringing, Capabilities requested) {
  for (const auto capability : kAllCapabilities)
    if (requested.contains(capability) && bringing.contains(capability)) return capability;
  return std::nullopt;
}

// Whether the container gets devices of it.
bool is_given(Feature feature, const request::Request& request, const driver::Driver& driver) {
  const auto found = std::ranges::find(driver.features, feature, &driver::FeatureNodes::feature);
  return std::ranges::find(request.features, feature) != request.features.end() &&
         found != driver.features.end() && !found->nodes.empty();
}

void add_file(const driver::File& file, const request::Request& request,
              const driver::Driver& driver, Draft& draft) {
  if (file.feature && !is_given(*file.feature, request, driver)) return;
  const auto capability = first_of(file.capabilities, request.capabilities);
  if (!capability && !file.capabilities.empty()) return;
  std::string reason = "firmware of the driver";
  if (capability) reason = name_of(*capability);
  if (file.feature) reason = variable_of(*file.feature);
  draft.mounts.push_back({.kind = kind_of(file.kind),
                          .capability = capability,
                          .reason = std::move(reason),
                          .source = file.path,
                          .place = {file.target.parent(), std::string(file.target.name())},
                          .number = {},
                          .read_only = file.feature.has_value(),
                          .in_present_directory = file.in_present_directory});
}

// A link in the image's own library directory, where libgbm looks, whatever the layout.
void add_gbm_backend(const container::Image& image, Capability capability, Draft& draft) {
  const auto allocator = std::ranges::find_if(draft.links, [](const DraftLink& link) {
    return link.kind == Kind::Library && link.place.name == kAllocator;
  });
  if (allocator == draft.links.end()) return;
  const bool beside = allocator->place.directory == image.library_directory;
  const auto target =
      beside ? "../" + std::string(kAllocator) : (allocator->place.directory / kAllocator).value;
  draft.links.push_back({.place = {image.library_directory / kGbmDirectory, kGbmBackend},
                         .target = target,
                         .library = allocator->library,
                         .kind = Kind::Config,
                         .capability = capability});
}

// As udev names the node: "pci-0000:01:00.0-card".
// Source: systemd, rules.d/60-drm.rules.
std::string name_by_path(const driver::Gpu& gpu, const driver::DrmNode& node) {
  return "pci-" + gpu.bus + (node.name.starts_with("render") ? "-render" : "-card");
}

void add_drm_nodes(const driver::Gpu& gpu, Capability capability, Draft& draft) {
  for (const auto& node : gpu.drm) {
    draft.mounts.push_back({.kind = Kind::Device,
                            .capability = capability,
                            .reason = "GPU " + std::to_string(gpu.index),
                            .source = node.path,
                            .place = {{kDrmDirectory}, node.name},
                            .number = node.number});
    draft.links.push_back({.place = {{kDrmByPath}, name_by_path(gpu, node)},
                           .target = "../" + node.name,
                           .library = {},
                           .kind = Kind::Config,
                           .capability = capability});
  }
}

// The GPUs that EGL may use, by the bits of their minors.
std::string profile_of(const std::vector<driver::Gpu>& gpus) {
  std::uint64_t mask = 0;
  for (const auto& gpu : gpus)
    if (gpu.minor < kMinorsOfMask) mask |= std::uint64_t{1} << gpu.minor;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(mask));
  return std::string(R"({"profiles": [{"name": "_container_", )") +
         R"("settings": ["EGLVisibleDGPUDevices", )" + text.data() +
         "]}],\n \"rules\": [{\"pattern\": [], \"profile\": \"_container_\"}]}\n";
}

}  // namespace

void draft_files(const request::Request& request, const driver::Driver& driver,
                 const container::Image& image, Draft& draft) {
  for (const auto& file : driver.files) add_file(file, request, driver, draft);
  const auto graphics = first_of(kGraphics, request.capabilities);
  if (!graphics) return;
  for (const auto& gpu : draft.gpus) add_drm_nodes(gpu, *graphics, draft);
  add_gbm_backend(image, *graphics, draft);
  draft.files.push_back({{{kProfiles}, kProfile}, profile_of(draft.gpus)});
}

}  // namespace nvhook::plan
