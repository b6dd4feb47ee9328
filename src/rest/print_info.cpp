// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "rest/json_writer.hpp"
#include "rest/print.hpp"
#include "rest/shown.hpp"
#include "rest/text_page.hpp"

namespace nvhook::rest {
namespace {

void print_partners(TextPage& page, const DeviceInfo& device) {
  if (device.partners.empty()) {
    page.value("  P2P Available", "None");
    return;
  }
  page.line("  P2P Available");
  for (const auto& partner : device.partners)
    page.line("    " + partner.bus + " - " + std::string(partner.link.text));
}

void print(TextPage& page, const DeviceInfo& device) {
  page.value("  Model", shown_words(device.model));
  page.value("  UUID", shown_words(device.uuid));
  page.value("  Path", shown_words(device.path));
  page.value("  Family", shown_words(device.family));
  page.value("  Arch", shown_words(device.arch));
  page.value("  Cores", shown(device.cores));
  page.value("  Power", shown(device.power_w, "W"));
  page.value("  CPU Affinity", "NUMA node" + std::to_string(device.numa_node));
  page.line("  PCI");
  page.value("    Bus ID", shown_words(device.bus));
  page.value("    BAR1", shown(device.bar1_mib, "MiB"));
  page.value("    Bandwidth", shown(device.pci_mb_per_s, "MB/s"));
  page.line("  Memory");
  page.value("    ECC", device.ecc ? *device.ecc ? "true" : "false" : std::string(kNotAvailable));
  page.value("    Global", shown(device.memory_mib, "MiB"));
  page.value("    Constant", shown(device.constant_kib, "KiB"));
  page.value("    Shared", shown(device.shared_kib, "KiB"));
  page.value("    L2 Cache", shown(device.l2_kib, "KiB"));
  page.value("    Bandwidth", shown(device.memory_mb_per_s, "MB/s"));
  page.line("  Clocks");
  page.value("    Cores", shown(device.core_mhz, "MHz"));
  page.value("    Memory", shown(device.memory_mhz, "MHz"));
  print_partners(page, device);
}

void write_partners(JsonWriter& json, const DeviceInfo& device) {
  json.key("Topology");
  if (device.partners.empty()) return json.null();
  json.begin_array();
  for (const auto& partner : device.partners) {
    json.begin_object();
    json.member("BusID", partner.bus);
    json.member("Link", partner.link.number);
    json.end_object();
  }
  json.end_array();
}

void write(JsonWriter& json, const DeviceInfo& device) {
  json.begin_object();
  json.member("UUID", device.uuid);
  json.member("Path", device.path);
  json.member("Model", device.model);
  json.member("Power", device.power_w);
  json.member("CPUAffinity", device.numa_node);
  json.key("PCI");
  json.begin_object();
  json.member("BusID", device.bus);
  json.member("BAR1", device.bar1_mib);
  json.member("Bandwidth", device.pci_mb_per_s);
  json.end_object();
  json.key("Clocks");
  json.begin_object();
  json.member("Cores", device.core_mhz);
  json.member("Memory", device.memory_mhz);
  json.end_object();
  write_partners(json, device);
  json.member("Family", device.family);
  json.member("Arch", device.arch);
  json.member("Cores", device.cores);
  json.key("Memory");
  json.begin_object();
  json.member("ECC", device.ecc);
  json.member("Global", device.memory_mib);
  json.member("Shared", device.shared_kib);
  json.member("Constant", device.constant_kib);
  json.member("L2Cache", device.l2_kib);
  json.member("Bandwidth", device.memory_mb_per_s);
  json.end_object();
  json.end_object();
}

}  // namespace

std::string info_text(const Info& info) {
  TextPage page;
  page.line("");
  page.value("Driver version", shown_words(info.driver));
  page.value("Supported CUDA version", shown_words(info.cuda));
  page.line("");
  for (std::size_t i = 0; i < info.devices.size(); ++i) {
    page.line("Device #" + std::to_string(i));
    print(page, info.devices[i]);
    page.line("");
  }
  return std::move(page).take();
}

std::string info_json(const Info& info) {
  JsonWriter json;
  json.begin_object();
  json.key("Version");
  json.begin_object();
  json.member("Driver", info.driver);
  json.member("CUDA", info.cuda);
  json.end_object();
  json.key("Devices");
  json.begin_array();
  for (const auto& device : info.devices) write(json, device);
  json.end_array();
  json.end_object();
  return std::move(json).take();
}

}  // namespace nvhook::rest
