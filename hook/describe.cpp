// SPDX-License-Identifier: Apache-2.0
#include "describe.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/driver/cuda_version.hpp"
#include "nvhook/plan/page.hpp"

namespace nvhook {
namespace {

using driver::Driver;
using plan::Page;
using plan::shown;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::vector<std::string> names_of(Capabilities capabilities) {
  std::vector<std::string> names;
  for (const auto capability : kAllCapabilities)
    if (capabilities.contains(capability)) names.emplace_back(name_of(capability));
  return names;
}

// What brings a GPU's DRM nodes.
constexpr Capabilities kDrawing{Capability::Graphics, Capability::Display};

// What brings a node; a control node comes with every request.
Capabilities capabilities_of(driver::NodeKind kind) {
  switch (kind) {
    case driver::NodeKind::Control:
      return {};
    case driver::NodeKind::Uvm:
    case driver::NodeKind::UvmTools:
      return {Capability::Compute, Capability::Video};
    case driver::NodeKind::Modeset:
      return {Capability::Display, Capability::Graphics};
  }
  std::abort();  // every enumerator is handled above
}

std::string_view name_of(driver::FileKind kind) {
  switch (kind) {
    case driver::FileKind::Socket:
      return "socket";
    case driver::FileKind::Directory:
      return "directory";
    case driver::FileKind::Firmware:
      return "firmware";
    case driver::FileKind::Config:
      return "config";
  }
  std::abort();  // every enumerator is handled above
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text.empty() ? "every request" : text;
}

std::string number_of(DeviceNumber number) {
  return "c " + std::to_string(number.major) + ":" + std::to_string(number.minor);
}

Json header_of(const char* schema, const Driver& driver) {
  const auto cuda = driver::cuda_version_of(driver.version);
  return {{"schema", schema},
          {"driver",
           {{"version", driver.version},
            {"cuda", cuda ? Json(*cuda) : Json(nullptr)},
            {"root", driver.root}}}};
}

void add_warnings(Json& document, const Driver& driver) {
  document["warnings"] = Json::array();
  for (const auto& warning : driver.warnings)
    document["warnings"].push_back({{"id", name_of(warning.id)}, {"text", warning.text}});
}

std::string text_of(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void add_header(Page& page, const Driver& driver) {
  const auto cuda = driver::cuda_version_of(driver.version);
  page.line("driver  " + driver.version + " below " + shown(driver.root));
  page.line("CUDA    " + (cuda ? std::string(*cuda) : std::string("not known for this branch")));
}

void add_warnings(Page& page, const Driver& driver) {
  Rows rows;
  for (const auto& warning : driver.warnings)
    rows.push_back({std::string(name_of(warning.id)), warning.text});
  page.table("Warnings", rows);
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Where NVML was asked.
void add_nvml(Page& page, const Driver& driver) {
  Rows kinds;
  for (const auto& gpu : driver.gpus)
    if (gpu.brand || gpu.arch)
      kinds.push_back({std::to_string(gpu.index), "brand " + shown(gpu.brand.value_or("unknown")),
                       "architecture " + gpu.arch.value_or("unknown")});
  page.table("According to NVML", kinds);
  Rows devices;
  if (driver.mig_names)
    for (const auto& name : *driver.mig_names)
      devices.push_back({std::to_string(name.gpu) + ":" + std::to_string(name.index),
                         shown(name.uuid), "GPU instance " + std::to_string(name.gpu_instance),
                         "compute instance " + std::to_string(name.compute_instance)});
  page.table("MIG devices", devices);
}

}  // namespace

std::string driver_to_text(const Driver& driver, plan::Style style) {
  Page page(style);
  add_header(page, driver);
  Rows rows;
  for (const auto& gpu : driver.gpus)
    rows.push_back(
        {std::to_string(gpu.index), gpu.uuid, gpu.bus, gpu.model, shown(gpu.node.value)});
  page.table("GPUs", rows);
  add_nvml(page, driver);
  page.table("GPU instances", plan::instances_of(driver.gpus));
  add_warnings(page, driver);
  return std::move(page).text();
}

namespace {

Json node_or_null(const driver::Access& access) {
  return access.missing.empty() ? Json(access.node.path.value) : Json(nullptr);
}

// What NVML calls the device; null where it was not asked or does not know it.
const driver::MigName* name_in(const Driver& driver, const driver::Gpu& gpu,
                               std::uint32_t gpu_instance, std::uint32_t compute_instance) {
  if (!driver.mig_names) return nullptr;
  const auto named = std::ranges::find_if(*driver.mig_names, [&](const driver::MigName& name) {
    return name.gpu == gpu.index && name.gpu_instance == gpu_instance &&
           name.compute_instance == compute_instance;
  });
  return named == driver.mig_names->end() ? nullptr : &*named;
}

// As in a plan, with the nodes of both instances and with NVML's names.
Json mig_of(const Driver& driver, const driver::Gpu& gpu) {
  auto devices = Json::array();
  for (const auto& instance : gpu.mig) {
    auto nodes = Json::array({node_or_null(instance.access)});
    if (instance.compute.empty())
      devices.push_back({{"gpu_instance", instance.id},
                         {"compute_instance", nullptr},
                         {"nodes", std::move(nodes)},
                         {"index", nullptr},
                         {"uuid", nullptr}});
    for (const auto& compute : instance.compute) {
      const auto* name = name_in(driver, gpu, instance.id, compute.id);
      devices.push_back({{"gpu_instance", instance.id},
                         {"compute_instance", compute.id},
                         {"nodes", {node_or_null(instance.access), node_or_null(compute.access)}},
                         {"index", name == nullptr ? Json(nullptr) : Json(name->index)},
                         {"uuid", name == nullptr ? Json(nullptr) : Json(name->uuid)}});
    }
  }
  return devices;
}

// A node that a variable brings, or a GPU.
struct ListedNode {
  const driver::DeviceNode& node;
  std::string why;                                  // for people
  std::optional<std::uint32_t> gpu = std::nullopt;  // its index
  std::optional<std::string_view> variable = std::nullopt;
};

// Those that are not of every driver, and are there.
std::vector<ListedNode> extra_nodes(const Driver& driver) {
  std::vector<ListedNode> nodes;
  const auto add_access = [&](const driver::Access& access, std::uint32_t gpu,
                              const std::string& part) {
    if (access.missing.empty())
      nodes.push_back({access.node, "GPU " + std::to_string(gpu) + ", " + part, gpu});
  };
  for (const auto& gpu : driver.gpus)
    for (const auto& instance : gpu.mig) {
      const auto part = "GPU instance " + std::to_string(instance.id);
      add_access(instance.access, gpu.index, part);
      for (const auto& compute : instance.compute)
        add_access(compute.access, gpu.index,
                   part + ", compute instance " + std::to_string(compute.id));
    }
  const auto add = [&](const driver::DeviceNode& node, std::string_view variable) {
    nodes.push_back({node, std::string(variable), std::nullopt, variable});
  };
  const auto add_control = [&](const std::optional<driver::Access>& access,
                               std::string_view variable) {
    if (access && access->missing.empty()) add(access->node, variable);
  };
  add_control(driver.mig_config, "NVIDIA_MIG_CONFIG_DEVICES");
  add_control(driver.mig_monitor, "NVIDIA_MIG_MONITOR_DEVICES");
  for (const auto& channel : driver.imex_channels) add(channel, "NVIDIA_IMEX_CHANNELS");
  for (const auto& feature : driver.features)
    for (const auto& node : feature.nodes) add(node, variable_of(feature.feature));
  return nodes;
}

}  // namespace

std::string driver_to_json(const Driver& driver) {
  auto document = header_of("nvhook.info/1", driver);
  document["gpus"] = Json::array();
  for (const auto& gpu : driver.gpus)
    document["gpus"].push_back({{"index", gpu.index},
                                {"minor", gpu.minor},
                                {"uuid", gpu.uuid},
                                {"bus", gpu.bus},
                                {"model", gpu.model},
                                {"node", gpu.node.value},
                                {"brand", or_null(gpu.brand)},
                                {"arch", or_null(gpu.arch)},
                                {"mig", mig_of(driver, gpu)}});
  add_warnings(document, driver);
  return text_of(document);
}

std::string files_to_text(const Driver& driver, plan::Style style) {
  Page page(style);
  add_header(page, driver);
  for (const auto& [abi, heading] : {std::pair{driver::Abi::Native, "Libraries"},
                                     std::pair{driver::Abi::Compat32, "32-bit libraries"}}) {
    Rows rows;
    for (const auto& library : driver.libraries)
      if (library.abi == abi)
        rows.push_back({shown(library.path.value), joined(names_of(library.capabilities))});
    page.table(heading, rows);
  }
  Rows rows;
  for (const auto& program : driver.programs)
    rows.push_back({shown(program.path.value), std::string(name_of(program.capability))});
  page.table("Programs", rows);
  rows.clear();
  for (const auto& file : driver.files)
    rows.push_back({shown(file.path.value), std::string(name_of(file.kind)),
                    file.feature ? std::string(variable_of(*file.feature))
                                 : joined(names_of(file.capabilities))});
  page.table("Other files", rows);
  rows.clear();
  for (const auto& node : driver.nodes)
    rows.push_back({shown(node.path.value), number_of(node.number),
                    joined(names_of(capabilities_of(node.kind)))});
  for (const auto& gpu : driver.gpus) {
    const auto whose = "GPU " + std::to_string(gpu.index);
    rows.push_back({shown(gpu.node.value), number_of(gpu.number), whose});
    for (const auto& node : gpu.drm)
      rows.push_back({shown(node.path.value), number_of(node.number),
                      whose + ", " + joined(names_of(kDrawing))});
  }
  for (const auto& [node, why, gpu, variable] : extra_nodes(driver))
    rows.push_back({shown(node.path.value), number_of(node.number), why});
  page.table("Device nodes", rows);
  rows.clear();
  for (const auto& omitted : driver.omitted)
    rows.push_back({shown(omitted.path.value), omitted.reason});
  page.table("Left out", rows);
  add_warnings(page, driver);
  return std::move(page).text();
}

std::string files_to_json(const Driver& driver) {
  auto document = header_of("nvhook.list/1", driver);
  auto files = Json::array();
  for (const auto& library : driver.libraries)
    files.push_back({{"kind", library.abi == driver::Abi::Native ? "library" : "library32"},
                     {"path", library.path.value},
                     {"links", library.links},
                     {"capabilities", names_of(library.capabilities)},
                     {"variable", nullptr}});
  for (const auto& program : driver.programs)
    files.push_back({{"kind", "binary"},
                     {"path", program.path.value},
                     {"links", Json::array()},
                     {"capabilities", {name_of(program.capability)}},
                     {"variable", nullptr}});
  for (const auto& file : driver.files)
    files.push_back(
        {{"kind", name_of(file.kind)},
         {"path", file.path.value},
         {"links", Json::array()},
         {"capabilities", names_of(file.capabilities)},
         {"variable", file.feature ? Json(variable_of(*file.feature)) : Json(nullptr)}});
  document["files"] = std::move(files);
  auto nodes = Json::array();
  const auto add_node = [&](const HostPath& path, DeviceNumber number, Capabilities capabilities,
                            Json gpu, Json variable = nullptr) {
    nodes.push_back({{"path", path.value},
                     {"type", "c"},
                     {"major", number.major},
                     {"minor", number.minor},
                     {"capabilities", names_of(capabilities)},
                     {"gpu", std::move(gpu)},
                     {"variable", std::move(variable)}});
  };
  for (const auto& node : driver.nodes)
    add_node(node.path, node.number, capabilities_of(node.kind), nullptr);
  for (const auto& gpu : driver.gpus) {
    add_node(gpu.node, gpu.number, {}, gpu.index);
    for (const auto& node : gpu.drm) add_node(node.path, node.number, kDrawing, gpu.index);
  }
  for (const auto& [node, why, gpu, variable] : extra_nodes(driver))
    add_node(node.path, node.number, {}, gpu ? Json(*gpu) : Json(nullptr),
             variable ? Json(*variable) : Json(nullptr));
  document["devices"] = std::move(nodes);
  document["omitted"] = Json::array();
  for (const auto& omitted : driver.omitted)
    document["omitted"].push_back({{"path", omitted.path.value}, {"reason", omitted.reason}});
  add_warnings(document, driver);
  return text_of(document);
}

}  // namespace nvhook
