// SPDX-License-Identifier: Apache-2.0
#include "draft_devices.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace nvhook::plan {
namespace {

using driver::Access;
using driver::Driver;

constexpr std::size_t kShownChannels = 16;  // of those that there are

void add(const driver::DeviceNode& node, std::string reason, Draft& draft) {
  draft.mounts.push_back(device_mount(node, std::nullopt, std::move(reason)));
}

// Rights that come with a whole GPU: where nodes are missing, the rest is of use all the same.
class Rights {
 public:
  Rights(std::string gpu, Draft& draft) : gpu_(std::move(gpu)), draft_(draft) {}

  void add(const Access& access, const std::string& part) {
    if (access.missing.empty())
      plan::add(access.node, gpu_ + ", " + part, draft_);
    else if (missing_++ == 0)
      first_missing_ = part + ": " + access.missing;
  }
  void warn_of_missing() const {
    if (missing_ == 0) return;
    auto text = gpu_ + ", " + first_missing_;
    if (missing_ > 1)
      text += "; " + std::to_string(missing_ - 1) + " more of its instances' nodes are missing";
    draft_.warnings.push_back({WarningId::NodeMissing, std::move(text)});
  }

 private:
  std::string gpu_;
  Draft& draft_;
  std::size_t missing_ = 0;
  std::string first_missing_;
};

void add_gpu(const driver::Gpu& gpu, Draft& draft) {
  const auto name = "GPU " + std::to_string(gpu.index);
  add({.path = gpu.node, .name = "nvidia" + std::to_string(gpu.minor), .number = gpu.number}, name,
      draft);
  Rights rights(name, draft);
  for (const auto& instance : gpu.mig) {
    const auto part = "GPU instance " + std::to_string(instance.id);
    rights.add(instance.access, part);
    for (const auto& compute : instance.compute)
      rights.add(compute.access, part + ", compute instance " + std::to_string(compute.id));
  }
  rights.warn_of_missing();
}

// What partitions or monitors GPUs.
Result<void> add_control(const std::optional<Access>& access, std::string_view variable,
                         Draft& draft) {
  if (!access)
    return failure(ErrorId::NodeMissing, std::string(variable) +
                                             ": the driver cannot partition GPUs, it has nothing "
                                             "below /proc/driver/nvidia/capabilities/mig");
  if (!access->missing.empty())
    return failure(ErrorId::NodeMissing, std::string(variable) + ": " + access->missing);
  add(access->node, std::string(variable), draft);
  return {};
}

// Whoever makes instances gets their nodes in the moment when they are made: with the directory
// that has them, whatever other nodes lie in it, and with leave to open those of the draft's GPUs.
void add_partitioning(const driver::Partitioning& partitioning, Draft& draft) {
  const ContainerPath directory{"/dev/" + std::string(partitioning.directory.name())};
  // First of all: what lies below needs no mount of its own then.
  draft.mounts.insert(draft.mounts.begin(),
                      {.kind = Kind::Directory,
                       .capability = std::nullopt,
                       .reason = "nodes of MIG devices yet to be made",
                       .source = partitioning.directory,
                       .place = {directory.parent(), std::string(directory.name())},
                       .number = {},
                       .holds_nodes = true});
  for (const auto& right : partitioning.rights)
    if (std::ranges::find(draft.gpus, right.gpu, &driver::Gpu::minor) != draft.gpus.end())
      draft.grants.push_back({{directory, std::string(right.node.path.name())}, right.node.number});
}

std::unexpected<Error> no_such_channel(std::uint32_t channel, const Driver& driver) {
  auto text = "there is no IMEX channel " + std::to_string(channel) + " on this host; it has ";
  const auto& channels = driver.imex_channels;
  if (channels.empty())
    text += "none: the option NVreg_CreateImexChannel0=1 of the module nvidia makes channel 0";
  for (std::size_t i = 0; i < std::min(channels.size(), kShownChannels); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(channels[i].number.minor);
  if (channels.size() > kShownChannels)
    text += " and " + std::to_string(channels.size() - kShownChannels) + " more";
  return failure(ErrorId::ReqImex, text + " (NVIDIA_IMEX_CHANNELS)");
}

Result<void> add_channel(std::uint32_t channel, const Driver& driver, Draft& draft) {
  const auto node = std::ranges::find(driver.imex_channels, channel,
                                      [](const auto& each) { return each.number.minor; });
  if (node == driver.imex_channels.end()) return no_such_channel(channel, driver);
  add(*node, "IMEX channel " + std::to_string(channel), draft);
  return {};
}

void add_feature(Feature feature, const Driver& driver, Draft& draft) {
  const std::string variable(variable_of(feature));
  const auto found = std::ranges::find(driver.features, feature, &driver::FeatureNodes::feature);
  if (found == driver.features.end()) return;  // nobody looked
  for (const auto& node : found->nodes) add(node, variable, draft);
  if (!found->missing.empty())
    draft.warnings.push_back({WarningId::NodeMissing, variable + ": " + found->missing});
}

}  // namespace

DraftMount device_mount(const driver::DeviceNode& node, std::optional<Capability> capability,
                        std::string reason) {
  const ContainerPath path{"/dev/" + node.name};
  return {.kind = Kind::Device,
          .capability = capability,
          .reason = std::move(reason),
          .source = node.path,
          .place = {path.parent(), std::string(path.name())},
          .number = node.number};
}

Result<void> draft_devices(const request::Request& request, const Driver& driver, Draft& draft) {
  for (const auto& gpu : draft.gpus) add_gpu(gpu, draft);
  if (request.mig_config)
    if (auto done = add_control(driver.mig_config, "NVIDIA_MIG_CONFIG_DEVICES", draft); !done)
      return done;
  if (request.mig_monitor)
    if (auto done = add_control(driver.mig_monitor, "NVIDIA_MIG_MONITOR_DEVICES", draft); !done)
      return done;
  if ((request.mig_config || request.mig_monitor) && driver.partitioning)
    add_partitioning(*driver.partitioning, draft);
  for (const auto channel : request.imex_channels)
    if (auto done = add_channel(channel, driver, draft); !done) return done;
  for (const auto feature : request.features) add_feature(feature, driver, draft);
  return {};
}

}  // namespace nvhook::plan
