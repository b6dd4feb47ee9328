// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "names.hpp"
#include "nvhook/driver/cuda_version.hpp"
#include "nvhook/plan/print.hpp"

namespace nvhook::plan {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kSchema = "nvhook.plan/1";

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json to_object(const Container& container) {
  return {{"id", container.id},
          {"pid", or_null(container.pid)},
          {"bundle", container.bundle},
          {"rootfs", container.rootfs}};
}

Json to_object(const request::Request& request) {
  Json capabilities = Json::array();
  for (const auto capability : kAllCapabilities)
    if (request.capabilities.contains(capability)) capabilities.push_back(name_of(capability));
  Json requirements = Json::array();
  for (const auto& demand : request.demands) requirements.push_back(demand.requirement);
  Json features = Json::array();
  for (const auto feature : request.features) features.push_back(name_of(feature));
  return {{"devices", request.devices},
          {"source", name_of(request.source)},
          {"capabilities", std::move(capabilities)},
          {"privileged", request.privileged},
          {"requirements", std::move(requirements)},
          {"mig_config", request.mig_config},
          {"mig_monitor", request.mig_monitor},
          {"imex_channels", request.imex_channels},
          {"features", std::move(features)}};
}

// MIG devices, and GPU instances that none has been made in.
Json mig_of(const driver::Gpu& gpu) {
  Json devices = Json::array();
  for (const auto& instance : gpu.mig) {
    if (instance.compute.empty())
      devices.push_back({{"gpu_instance", instance.id}, {"compute_instance", nullptr}});
    for (const auto& compute : instance.compute)
      devices.push_back({{"gpu_instance", instance.id}, {"compute_instance", compute.id}});
  }
  return devices;
}

Json to_object(const driver::Gpu& gpu) {
  return {{"index", gpu.index}, {"minor", gpu.minor}, {"uuid", gpu.uuid},
          {"bus", gpu.bus},     {"model", gpu.model}, {"mig", mig_of(gpu)}};
}

Json to_object(const Mount& mount) {
  return {{"kind", name_of(mount.kind)},
          {"capability", mount.capability ? Json(name_of(*mount.capability)) : Json(nullptr)},
          {"state", name_of(mount.state)},
          {"reason", mount.reason},
          {"source", mount.source.value},
          {"target", mount.target.value},
          {"options", names_of(mount.options)},
          {"sealed", mount.sealed},
          {"creates", mount.makes_point}};
}

Json to_object(const Symlink& link) {
  return {{"path", link.path.value}, {"target", link.target}, {"replaces", or_null(link.replaces)}};
}

Json to_object(const File& file) {
  return {{"path", file.path.value},
          {"from", file.from ? Json(file.from->value) : Json(nullptr)},
          {"content", file.content}};
}

// The mount that a view is.
Json to_object(const DriverView& view) {
  return to_object(Mount{.kind = Kind::Procfs,
                         .capability = std::nullopt,
                         .state = State::Mount,
                         .reason = std::string(reason_of(view)),
                         .source = view.source,
                         .target = view.target,
                         .options = kReadOnlyMount});
}

Json paths(const std::vector<ContainerPath>& list) {
  Json array = Json::array();
  for (const auto& path : list) array.push_back(path.value);
  return array;
}

Json to_object(const LoaderCache& loader) {
  return {{"action", name_of(loader.action)},
          {"path", loader.path.value.empty() ? Json(nullptr) : Json(loader.path.value)},
          {"directories", paths(loader.directories)},
          {"compat", loader.compat.empty() ? Json(nullptr) : Json(loader.compat)}};
}

Json to_object(const Device& device) {
  return {{"path", device.path.value},
          {"type", "c"},
          {"major", device.number.major},
          {"minor", device.number.minor},
          {"access", "rw"}};
}

Json to_object(const driver::Omitted& omitted) {
  return {{"path", omitted.path.value}, {"reason", omitted.reason}};
}

Json to_object(const Warning& warning) {
  return {{"id", name_of(warning.id)}, {"text", warning.text}};
}

template <class T>
Json to_array(const std::vector<T>& items) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(to_object(item));
  return array;
}

Json mounts_of(const Plan& plan) {
  auto array = to_array(plan.mounts);
  if (plan.driver_view) array.push_back(to_object(*plan.driver_view));
  return array;
}

Json files_of(const Plan& plan) {
  auto array = to_array(plan.files);
  if (plan.driver_view)
    for (const auto& file : plan.driver_view->files) array.push_back(to_object(file));
  return array;
}

std::string document(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_json(const Plan& plan) {
  Json unknown = Json::array();
  for (const auto part : plan.unknown) unknown.push_back(name_of(part));
  return document({{"schema", kSchema},
                   {"inject", true},
                   {"reason", nullptr},
                   {"unknown", std::move(unknown)},
                   {"layout", plan.tree ? "tree" : "system"},
                   {"tree", plan.tree ? Json(plan.tree->value) : Json(nullptr)},
                   {"container", to_object(plan.container)},
                   {"request", to_object(plan.request)},
                   {"driver",
                    {{"version", plan.driver_version},
                     {"cuda", or_null(driver::cuda_version_of(plan.driver_version))},
                     {"root", plan.driver_root}}},
                   {"gpus", to_array(plan.gpus)},
                   {"directories", paths(plan.directories)},
                   {"mounts", mounts_of(plan)},
                   {"symlinks", to_array(plan.symlinks)},
                   {"files", files_of(plan)},
                   {"devices", to_array(plan.devices)},
                   {"ldcache", to_object(plan.loader)},
                   {"omitted", to_array(plan.omitted)},
                   {"warnings", to_array(plan.warnings)}});
}

std::string to_json(const request::NothingAsked& nothing) {
  return document({{"schema", kSchema}, {"inject", false}, {"reason", nothing.reason}});
}

}  // namespace nvhook::plan
