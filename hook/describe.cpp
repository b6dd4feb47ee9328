// SPDX-License-Identifier: Apache-2.0
#include "describe.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
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

// What NVML says of this GPU; null where it was not asked or does not know it.
const nvml::Gpu* said_of(const driver::Gpu& gpu, const std::optional<nvml::Nvml>& nvml) {
  if (!nvml) return nullptr;
  const auto same = std::ranges::find(nvml->gpus, gpu.bus, &nvml::Gpu::bus);
  return same == nvml->gpus.end() ? nullptr : &*same;
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json mig_of(const nvml::Gpu& gpu) {
  auto devices = Json::array();
  for (const auto& device : gpu.mig.devices)
    devices.push_back({{"index", device.index},
                       {"uuid", device.uuid},
                       {"gi", device.gpu_instance},
                       {"ci", device.compute_instance}});
  return devices;
}

void add_nvml(Page& page, const Driver& driver, const std::optional<nvml::Nvml>& nvml) {
  Rows kinds;
  Rows devices;
  for (const auto& gpu : driver.gpus) {
    const auto* said = said_of(gpu, nvml);
    if (said == nullptr) continue;
    kinds.push_back({std::to_string(gpu.index), "brand " + shown(said->brand.value_or("unknown")),
                     "architecture " + said->arch.value_or("unknown"),
                     !said->mig.enabled   ? "no MIG"
                     : *said->mig.enabled ? "MIG on"
                                          : "MIG off"});
    for (const auto& device : said->mig.devices)
      devices.push_back({std::to_string(gpu.index) + ":" + std::to_string(device.index),
                         shown(device.uuid), "GPU instance " + std::to_string(device.gpu_instance),
                         "compute instance " + std::to_string(device.compute_instance)});
  }
  page.table("According to NVML", kinds);
  page.table("MIG devices", devices);
}

}  // namespace

std::string driver_to_text(const Driver& driver, const std::optional<nvml::Nvml>& nvml,
                           plan::Style style) {
  Page page(style);
  add_header(page, driver);
  Rows rows;
  for (const auto& gpu : driver.gpus)
    rows.push_back(
        {std::to_string(gpu.index), gpu.uuid, gpu.bus, gpu.model, shown(gpu.node.value)});
  page.table("GPUs", rows);
  add_nvml(page, driver, nvml);
  add_warnings(page, driver);
  return std::move(page).text();
}

std::string driver_to_json(const Driver& driver, const std::optional<nvml::Nvml>& nvml) {
  auto document = header_of("nvhook.info/1", driver);
  document["gpus"] = Json::array();
  for (const auto& gpu : driver.gpus) {
    const auto* said = said_of(gpu, nvml);
    document["gpus"].push_back({{"index", gpu.index},
                                {"minor", gpu.minor},
                                {"uuid", gpu.uuid},
                                {"bus", gpu.bus},
                                {"model", gpu.model},
                                {"node", gpu.node.value},
                                {"brand", said == nullptr ? Json(nullptr) : or_null(said->brand)},
                                {"arch", said == nullptr ? Json(nullptr) : or_null(said->arch)},
                                {"mig", said == nullptr ? Json::array() : mig_of(*said)}});
  }
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
  for (const auto& node : driver.nodes)
    rows.push_back({shown(node.path.value), number_of(node.number),
                    joined(names_of(capabilities_of(node.kind)))});
  for (const auto& gpu : driver.gpus)
    rows.push_back(
        {shown(gpu.node.value), number_of(gpu.number), "GPU " + std::to_string(gpu.index)});
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
                     {"capabilities", names_of(library.capabilities)}});
  for (const auto& program : driver.programs)
    files.push_back({{"kind", "binary"},
                     {"path", program.path.value},
                     {"links", Json::array()},
                     {"capabilities", {name_of(program.capability)}}});
  document["files"] = std::move(files);
  auto nodes = Json::array();
  const auto add_node = [&](const HostPath& path, DeviceNumber number, Capabilities capabilities,
                            Json gpu) {
    nodes.push_back({{"path", path.value},
                     {"type", "c"},
                     {"major", number.major},
                     {"minor", number.minor},
                     {"capabilities", names_of(capabilities)},
                     {"gpu", std::move(gpu)}});
  };
  for (const auto& node : driver.nodes)
    add_node(node.path, node.number, capabilities_of(node.kind), nullptr);
  for (const auto& gpu : driver.gpus) add_node(gpu.node, gpu.number, {}, gpu.index);
  document["devices"] = std::move(nodes);
  document["omitted"] = Json::array();
  for (const auto& omitted : driver.omitted)
    document["omitted"].push_back({{"path", omitted.path.value}, {"reason", omitted.reason}});
  add_warnings(document, driver);
  return text_of(document);
}

}  // namespace nvhook
